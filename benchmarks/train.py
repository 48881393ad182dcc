"""Training speed and memory, side by side with sentence-transformers' SparseEncoderTrainer.

Both train the same checkpoint on the same pairs, with the same batch size, length, optimizer,
dropout, losses (in-batch negatives and FLOPS, equal strengths and schedule), in the same process
with the same threads. They take turns, some steps each, so that whatever else the machine does
hits both. Memory is the peak above the loaded model, each side in a fresh process.

    python -m benchmarks.train --models 2-layer 6-layer --batch-size 32 --steps 6 --rounds 4
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.utils import logging as transformers_logging

from benchmarks._common import (
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)
from benchmarks._rows import read_pairs, write_lines
from benchmarks._weights import two_layer_folder

STRENGTH = 1e-4
LEARNING_RATE = 2e-5
# Of the 6-layer model's head; leaves some hundreds of terms active, as in a trained model.
DEVIATIONS = 2.5
SIDES = ("ours", "peer")
# Trains for a number of steps and returns what each one logged and the seconds of the last ones.
Train = Callable[[int, int], dict[str, float]]


class Clock(TrainerCallback):
    """Times the steps after the first ``warm`` ones, data loading included."""

    def __init__(self) -> None:
        self.warm = 0
        self.started = self.ended = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del args, control
        now = time.perf_counter()
        if state.global_step == self.warm:
            self.started = now
        self.ended = now


def open_ours(folder: Path, data: Path, asked: argparse.Namespace, work: Path) -> Train:
    from splade_sdk.training.build import (
        build_arguments,
        build_collator,
        build_data,
        build_model,
        build_objective,
    )
    from splade_sdk.training.config import parse_config
    from splade_sdk.training.data import MixingSampler
    from splade_sdk.training.trainer import SpladeTrainer

    side = {"name": "flops", "strength": STRENGTH}
    config = parse_config(
        {
            "model": {
                "base": str(folder),
                "max_query_tokens": asked.length,
                "max_document_tokens": asked.length,
            },
            "data": [{"path": str(data)}],
            "sparsity": {"query": side, "document": side, "max_start_active_dims": None},
            "optimizer": {
                "learning_rate": LEARNING_RATE,
                "max_steps": 1,
                "batch_size": asked.batch_size,
                "warmup_share": 0,
            },
            "output_dir": str(work / "ours"),
        }
    )
    source = build_data(config)
    model, tokenizer = build_model(config, source)
    sampler = MixingSampler(source.lengths, [1.0], batch_size=asked.batch_size)
    clock = Clock()

    def train(warm: int, steps: int) -> dict[str, float]:
        total = warm + steps
        clock.warm = warm
        trainer = SpladeTrainer(
            model,
            replace(build_arguments(config, total_steps=total), **_quiet(total)),
            objective=build_objective(config, total_steps=total),
            tokenizer=tokenizer,
            max_length=asked.length,
            train_dataset=source,
            data_collator=build_collator(config, tokenizer),
            sampler=sampler,
            callbacks=[clock],
        )
        trainer.train()
        logged = next(row for row in trainer.state.log_history if "loss" in row)
        return {
            "seconds": clock.ended - clock.started,
            "loss": logged["loss"],
            "active_dims": logged["document_active_dims"],
        }

    return train


def open_peer(folder: Path, data: Path, asked: argparse.Namespace, work: Path) -> Train:
    from datasets import Dataset
    from sentence_transformers import (
        SparseEncoder,
        SparseEncoderTrainer,
        SparseEncoderTrainingArguments,
    )
    from sentence_transformers.sparse_encoder.losses import (
        SparseMultipleNegativesRankingLoss,
        SpladeLoss,
    )

    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    source = Dataset.from_dict(
        {name: [row[name] for row in rows] for name in ("query", "positive")}
    )
    model = SparseEncoder(str(folder), device="cpu")
    model.max_seq_length = asked.length
    clock = Clock()

    def train(warm: int, steps: int) -> dict[str, float]:
        total = warm + steps
        clock.warm = warm
        trainer = SparseEncoderTrainer(
            model,
            SparseEncoderTrainingArguments(
                output_dir=str(work / "peer"),
                max_steps=total,
                per_device_train_batch_size=asked.batch_size,
                learning_rate=LEARNING_RATE,
                weight_decay=0.01,
                report_to=[],
                dataloader_drop_last=True,
                use_cpu=True,
                **_quiet(total),
            ),
            train_dataset=source,
            loss=SpladeLoss(
                model,
                SparseMultipleNegativesRankingLoss(model),
                document_regularizer_weight=STRENGTH,
                query_regularizer_weight=STRENGTH,
            ),
            callbacks=[clock],
        )
        trainer.train()
        logged = next(row for row in trainer.state.log_history if "loss" in row)
        return {"seconds": clock.ended - clock.started, "loss": logged["loss"]}

    return train


OPEN = {"ours": open_ours, "peer": open_peer}


def _quiet(steps: int) -> dict[str, Any]:
    return {"save_strategy": "no", "logging_steps": steps, "disable_tqdm": True}


def compare(
    name: str, folder: Path, data: Path, asked: argparse.Namespace, work: Path
) -> dict[str, Any]:
    """Train both, taking turns."""
    sides = {side: OPEN[side](folder, data, asked, work) for side in SIDES}
    rounds = []
    for _ in range(asked.rounds):
        rounds.append({side: train(asked.warm, asked.steps) for side, train in sides.items()})
        print(name, json.dumps(rounds[-1]), flush=True)
    took = {side: [each[side]["seconds"] for each in rounds] for side in SIDES}
    texts = 2 * asked.batch_size * asked.steps
    memory = {side: peak_memory_mb(side, folder, data, asked) for side in SIDES}
    return {
        "texts_per_s": {side: texts / median(took[side]) for side in SIDES},
        "ratio": median(peer / ours for ours, peer in zip(took["ours"], took["peer"], strict=True)),
        "ratio_of_best": min(took["peer"]) / min(took["ours"]),
        "memory_mb": memory,
        "memory_ratio": memory["ours"] / memory["peer"],
        "document_active_dims": rounds[-1]["ours"]["active_dims"],
        "rounds": rounds,
    }


def peak_memory_mb(side: str, folder: Path, data: Path, asked: argparse.Namespace) -> float:
    """Return the peak above the loaded model while training, in a process of its own."""
    words = ["--child", side, str(folder), str(data)]
    for option in ("batch_size", "length", "threads"):
        words += [f"--{option.replace('_', '-')}", str(getattr(asked, option))]
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.train", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return float(child.stdout.splitlines()[-1])


def run_child(asked: argparse.Namespace) -> None:
    """Print the megabytes by which two training steps raise the resident memory."""
    side, folder, data = asked.child
    with tempfile.TemporaryDirectory() as work:
        train = OPEN[side](Path(folder), Path(data), asked, Path(work))
        before = _status_kb("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        train(1, 1)
        print((_status_kb("VmHWM") - before) / 1e3)


def _status_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def build_six_layer(folder: Path, texts: Sequence[str]) -> Path:
    """Write all-MiniLM-L6-v2 with a calibrated head, as a training without a head would start."""
    from transformers import AutoTokenizer

    from benchmarks._weights import mini_lm_folder
    from splade_sdk.training.model import SpladeModel
    from splade_sdk.training.new_head import calibrate_bias, masked_lm_with_new_head

    source = mini_lm_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    masked_lm = masked_lm_with_new_head(source)
    calibrate_bias(masked_lm, tokenizer, texts, deviations=DEVIATIONS)
    SpladeModel(masked_lm).save_pretrained(folder, tokenizer, max_length=256)
    return folder


def report(result: dict[str, Any]) -> str:
    """Lay the result out as Markdown."""
    rows = [
        [
            name,
            case["texts_per_s"]["ours"],
            case["texts_per_s"]["peer"],
            f"{case['ratio']:.2f} (best {case['ratio_of_best']:.2f})",
            f"{case['memory_mb']['ours']:.0f}",
            f"{case['memory_mb']['peer']:.0f}",
            f"{case['memory_ratio']:.2f}",
            f"{case['document_active_dims']:.0f}",
        ]
        for name, case in result["models"].items()
    ]
    header = [
        "model",
        "ours, texts/s",
        "peer, texts/s",
        "ratio",
        "ours, MB",
        "peer, MB",
        "memory ratio",
        "active terms a document",
    ]
    settings = result["settings"]
    explanation = (
        f"{settings['threads']} threads; float32; pairs of {settings['data']}, cut at "
        f"{settings['length']} tokens; batch of {settings['batch_size']} queries and as many "
        f"passages; AdamW; dropout as in the checkpoint; in-batch negatives and FLOPS at "
        f"{STRENGTH:g} on both sides; each passage comes once. Peer: SparseEncoderTrainer with "
        "SpladeLoss over SparseMultipleNegativesRankingLoss. Speed: "
        f"{settings['rounds']} rounds of {settings['steps']} steps after {settings['warm']} "
        "that are not timed, both sides taking turns; ratio: median of the rounds, and (best) "
        "fastest against fastest. Memory: peak above the loaded model, MB, in a process of "
        "its own; gradients and the optimizer's state are in it on both sides."
    )
    return "\n\n".join(
        [
            "# Training, side by side with sentence-transformers",
            hardware_line(result["hardware"], result["versions"]),
            explanation,
            table(header, rows),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["2-layer", "6-layer"])
    parser.add_argument("--data", default="squadshifts-newwiki")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--warm", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS / "train")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    torch.set_num_threads(asked.threads)
    if asked.child:
        run_child(asked)
        return
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("torch", "transformers", "sentence-transformers", "splade-sdk"),
        "settings": {
            name: getattr(asked, name)
            for name in ("data", "batch_size", "length", "warm", "steps", "rounds", "threads")
        },
        "models": {},
    }
    # One pair a passage: ours would encode a passage that comes twice in a batch only once.
    pairs = list({row["positive"]: row for row in read_pairs(asked.data)}.values())[: asked.pairs]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        data = write_lines(work / "pairs.jsonl", pairs)
        for name in asked.models:
            folder = two_layer_folder()
            if name == "6-layer":
                folder = build_six_layer(work / name, [row["positive"] for row in pairs[:320]])
            elif name != "2-layer":
                folder = Path(name)
            result["models"][name] = compare(name, folder, data, asked, work)
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
