"""Encoding speed and memory, side by side with sentence-transformers' SparseEncoder.

Both encode the same real texts in the same process with the same threads, taking turns, so that
whatever else the machine does hits both. The peer runs at the batch size that a search found best
for it, ours at its default. Memory is the peak above the loaded model, each side in a fresh
process.

    python -m benchmarks.encode --models 2-layer 6-layer --lengths 100 250 --texts 128
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
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForMaskedLM

from benchmarks._common import (
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    read_queries,
    read_texts,
    table,
    versions,
    write_results,
)
from benchmarks._weights import two_layer_folder
from splade_sdk import SpladeEncoder

PEER_BATCH_SIZES = (1, 4, 8, 16, 32)
PEER_DEFAULT_BATCH_SIZE = 32
Encode = Callable[[Sequence[str]], Any]


def open_ours(folder: Path) -> tuple[SpladeEncoder, Encode]:
    encoder = SpladeEncoder(folder, device="cpu")
    return encoder, encoder.encode


def open_peer(folder: Path, batch_size: int) -> tuple[Any, Encode]:
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(folder), device="cpu")
    return model, lambda texts: model.encode_document(
        list(texts), batch_size=batch_size, show_progress_bar=False
    )


def cut(texts: Sequence[str], encoder: SpladeEncoder, tokens: int) -> list[str]:
    """Cut texts to a number of tokens at most, special tokens included."""
    shortened = []
    for text in texts:
        offsets = encoder.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )["offset_mapping"][: tokens - 2]
        shortened.append(text[: offsets[-1][1]])
    return shortened


def seconds(encode: Encode, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    encode(texts)
    return time.perf_counter() - start


def matrix_ceiling() -> float:
    """Return the best of some float32 products of 2048 x 2048 matrices, in GFLOP/s."""
    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    best = min(seconds(lambda _: torch.mm(left, right), []) for _ in range(6))
    return 2 * 2048**3 / best / 1e9


def textbook_gflop(encoder: SpladeEncoder, texts: Sequence[str]) -> float:
    """Return the float work that the texts cost the textbook way, without padding."""
    folder = encoder._document.folder
    assert folder is not None
    model: Any = AutoModelForMaskedLM.from_pretrained(folder)
    linear = [part.weight.numel() for part in model.modules() if isinstance(part, torch.nn.Linear)]
    lengths = [len(ids) for ids in encoder._document.text_tokenizer.pieces(texts).ids]
    per_token = 2 * sum(linear)
    attention = 4 * model.config.num_hidden_layers * model.config.hidden_size
    return float(sum(length * (per_token + attention * length) for length in lengths)) / 1e9


def best_batch_size(folder: Path, texts: Sequence[str]) -> dict[int, float]:
    """Return the peer's seconds for each batch size."""
    found = {}
    for batch_size in PEER_BATCH_SIZES:
        _, encode = open_peer(folder, batch_size)
        encode(texts[:batch_size])
        found[batch_size] = seconds(encode, texts)
    return found


def compare(folder: Path, length: int, texts: int, repeats: int) -> dict[str, Any]:
    """Measure both sides on texts of one length."""
    from benchmarks._stages import timed_stages

    encoder, ours = open_ours(folder)
    passages = cut(read_texts("scifact", texts), encoder, length)
    found = best_batch_size(folder, passages[: min(texts, 64)])
    batch_size = min(found, key=found.__getitem__)
    _, peer = open_peer(folder, batch_size)
    mine, theirs = ours(passages[:32]), peer(passages[:32])
    difference = np.abs(mine.to_scipy().toarray() - theirs.to_dense().numpy()).max()
    pairs = [(seconds(ours, passages), seconds(peer, passages)) for _ in range(repeats)]
    with timed_stages() as stages:
        total = seconds(ours, passages)
    our_seconds = median(pair[0] for pair in pairs)
    peer_seconds = median(pair[1] for pair in pairs)
    tokens = [len(ids) for ids in encoder._document.text_tokenizer.pieces(passages).ids]
    return {
        "length": length,
        "texts": len(passages),
        "tokens_mean": float(np.mean(tokens)),
        "active_dims": mine.stats().active_dims,
        "max_difference": float(difference),
        "ours_texts_per_s": len(passages) / our_seconds,
        "peer_texts_per_s": len(passages) / peer_seconds,
        "peer_batch_size": batch_size,
        "peer_seconds_by_batch_size": found,
        "ratio": median(theirs / mine for mine, theirs in pairs),
        "ratio_of_best": min(theirs for _, theirs in pairs) / min(mine for mine, _ in pairs),
        "ours_gflops": textbook_gflop(encoder, passages) / our_seconds,
        "peer_gflops": textbook_gflop(encoder, passages) / peer_seconds,
        "seconds_of_pairs": pairs,
        "stages_s": {**stages, "total": total},
        "memory_mb": {
            "ours": peak_memory_mb(folder, passages, "ours", 0),
            "peer": peak_memory_mb(folder, passages, "peer", batch_size),
            "peer_default": peak_memory_mb(folder, passages, "peer", PEER_DEFAULT_BATCH_SIZE),
        },
    }


def latency(folder: Path, queries: Sequence[str]) -> dict[str, float]:
    """Return milliseconds for a single short query, both sides taking turns."""
    from benchmarks._stages import timed_stages

    encoder, _ = open_ours(folder)
    model, _ = open_peer(folder, 1)
    took: dict[str, list[float]] = {"ours": [], "peer": []}
    for query in (*queries[:5], *queries):
        took["ours"].append(seconds(encoder.encode_query, query))
        took["peer"].append(seconds(model.encode_query, query))
    result = {}
    for side, values in took.items():
        for percentile in (50, 95):
            result[f"{side}_p{percentile}_ms"] = float(np.percentile(values[5:], percentile) * 1e3)
    with timed_stages() as stages:
        for query in queries:
            encoder.encode_query(query)
    return {**result, **{f"stage {name}_ms": s / len(queries) * 1e3 for name, s in stages.items()}}


def peak_memory_mb(folder: Path, texts: Sequence[str], side: str, batch_size: int) -> float | None:
    """Return the peak above the loaded model while encoding, in a process of its own."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.encode", "--child", side, str(folder), str(batch_size)],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return float(child.stdout.splitlines()[-1])


def run_child(side: str, folder: str, batch_size: str) -> None:
    """Print the megabytes by which encoding the texts on stdin raises the resident memory."""
    texts = json.load(sys.stdin)
    if side == "ours":
        _, encode = open_ours(Path(folder))
    else:
        _, encode = open_peer(Path(folder), int(batch_size))
    encode(["warm up"])
    before = _status_kb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    vectors = encode(texts)
    print((_status_kb("VmHWM") - before) / 1e3)
    del vectors


def _status_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def report(result: dict[str, Any]) -> str:
    """Lay the result out as Markdown."""
    speed, stages, single = [], [], []
    for name, model in result["models"].items():
        for case in model["cases"]:
            memory = case["memory_mb"]
            speed.append(
                [
                    name,
                    case["length"],
                    case["ours_texts_per_s"],
                    f"{case['peer_texts_per_s']:.2f} (batch {case['peer_batch_size']})",
                    f"{case['ratio']:.2f} (best {case['ratio_of_best']:.2f})",
                    f"{case['ours_gflops'] / result['ceiling_gflops']:.0%}",
                    f"{case['peer_gflops'] / result['ceiling_gflops']:.0%}",
                    *(f"{memory[side]:.0f}" for side in ("ours", "peer", "peer_default")),
                    f"{case['active_dims']:.0f}",
                    f"{case['max_difference']:.0e}",
                ]
            )
            total = case["stages_s"]["total"]
            shares = [f"{case['stages_s'][stage] / total:.0%}" for stage in _stage_names(case)]
            stages.append([name, case["length"], f"{total:.2f}", *shares])
        timing = model["latency"]
        sides = ("ours_p50_ms", "ours_p95_ms", "peer_p50_ms", "peer_p95_ms")
        single.append([name, *(timing[side] for side in sides)])
    first = next(iter(result["models"].values()))["cases"][0]
    return "\n\n".join(
        [
            "# Encoding, side by side with sentence-transformers",
            hardware_line(result["hardware"], result["versions"]),
            _explanation(result),
            table(
                [
                    "model",
                    "tokens",
                    "ours, texts/s",
                    "peer, texts/s",
                    "ratio",
                    "ours, share",
                    "peer, share",
                    "ours, MB",
                    "peer, MB",
                    "peer default, MB",
                    "active terms",
                    "largest difference",
                ],
                speed,
            ),
            "## A single short query, milliseconds",
            table(["model", "ours p50", "ours p95", "peer p50", "peer p95"], single),
            "## Where our time goes",
            "A stage's share contains that of the stages inside it (`head: screen` is in `head`).",
            table(["model", "tokens", "seconds", *_stage_names(first)], stages),
        ]
    )


def _explanation(result: dict[str, Any]) -> str:
    return (
        f"{result['threads']} threads; float32; ceiling (2048 x 2048 product): "
        f"{result['ceiling_gflops']:.0f} GFLOP/s. Speed: median of the repetitions; ratio: median "
        "of the pairs of repetitions, and (best) fastest against fastest. Share: the textbook's "
        "float work a second over the ceiling; ours can pass 100 % because the 8-bit screen does "
        "less float work. Memory: peak above the loaded model, MB, in a process of its own; the "
        f"peer at its best batch size and at its default of {PEER_DEFAULT_BATCH_SIZE}."
    )


def _stage_names(case: dict[str, Any]) -> list[str]:
    return [name for name in case["stages_s"] if name != "total"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["2-layer", "6-layer"])
    parser.add_argument("--lengths", nargs="+", type=int, default=[100, 250])
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=RESULTS / "encode")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    if asked.child:
        run_child(*asked.child)
        return
    torch.set_num_threads(asked.threads)
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("torch", "transformers", "sentence-transformers", "splade-sdk"),
        "threads": torch.get_num_threads(),
        "ceiling_gflops": matrix_ceiling(),
        "models": {},
    }
    with tempfile.TemporaryDirectory() as temporary:
        for name in asked.models:
            folder = model_folder(name, Path(temporary))
            cases = []
            for length in asked.lengths:
                cases.append(compare(folder, length, asked.texts, asked.repeats))
                print(name, json.dumps(cases[-1]), flush=True)
            queries = read_queries("scifact", asked.queries)
            result["models"][name] = {"cases": cases, "latency": latency(folder, queries)}
            print(name, json.dumps(result["models"][name]["latency"]), flush=True)
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


def model_folder(name: str, temporary: Path) -> Path:
    """Return a model by its short name, or the folder it names."""
    if name == "2-layer":
        return two_layer_folder()
    if name == "6-layer":
        from benchmarks._six_layer import build_six_layer

        return build_six_layer(temporary / name, read_texts("scifact", 300))
    if not Path(name).is_dir():
        raise SystemExit(f"--models {name}: expected 2-layer, 6-layer or a folder")
    return Path(name)


if __name__ == "__main__":
    main()
