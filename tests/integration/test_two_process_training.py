"""A whole run on two processes gives the weights of one process with batches twice as large."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from splade_sdk.training.log import read_log
from splade_sdk.training.run import train
from tests.unit.training import tiny_training as tiny

ROOT = Path(__file__).parents[2]
RANKS, BATCH = 2, 16
# 90 examples are 5 whole batches of 16 and 10 more, which are left out; with 2 batches a step,
# the third step of each epoch has one batch. An epoch counts as the 2 steps of 32 it has whole.
EXAMPLES, EPOCHS, STEPS = 90, 3.5, 7
SHAPES: dict[str, dict[str, Any]] = {
    "dense-cached": {
        "dense_losses": [{"name": "infonce", "options": {"temperature": 0.1}}],
        "optimizer": {"cached_chunk_size": 5},
    },
    "splade-doc": {"model": {"query_expansion": False}},
}


def run(folder: Path, shape: str, *, output: str, batch: int) -> Path:
    """Train with everything that has a mean over the batch in it."""
    asked = SHAPES[shape]
    config = tiny.config(
        folder,
        model=asked.get("model", {}),
        losses=[{"name": "infonce", "options": {"temperature": 4.0}}, {"name": "margin_mse"}],
        dense_losses=asked.get("dense_losses", []),
        sparsity={
            "target_active_dims": [5.0, 8.0],
            "query": {"name": "joint_flops", "strength": 1e-3},
            "document": {"name": "df_flops", "strength": 1e-3},
        },
        optimizer={
            "max_steps": None,
            "epochs": EPOCHS,
            "batch_size": batch,
            "accumulation_steps": 2,
            "learning_rate": 1e-3,
            **asked.get("optimizer", {}),
        },
        checkpoints={"every_steps": 3},
        log_every_steps=1,
        output_dir=str(folder / output),
    )
    return train(config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    tiny.save_base(folder / "base", dropout=0.0, bias=-8.0)
    tiny.write_lines(folder / "data.jsonl", tiny.examples(EXAMPLES))
    port = str(_free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error::FutureWarning", "-m", __name__, str(folder)],
            cwd=ROOT,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "GLOO_SOCKET_IFNAME": "lo",
                "ACCELERATE_USE_CPU": "true",
                "PYTHONPATH": str(ROOT),
                # What torchrun and accelerate launch set.
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(RANKS),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(RANKS)
    ]
    errors = [process.communicate(timeout=280)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes == [0] * RANKS, "\n".join(errors)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_are_those_of_one_process(folder, shape):
    run(folder, shape, output=f"{shape}-one", batch=BATCH)
    start = load_file(folder / "base" / "model.safetensors")

    one, two = (folder / f"{shape}-{name}" for name in ("one", "two"))
    expected, found = (
        {
            f"{path.relative_to(run)}: {name}": tensor
            for path in (run / "model").rglob("*.safetensors")
            for name, tensor in load_file(path).items()
        }
        for run in (one, two)
    )
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() < 1e-5 * tensor.abs().max().clamp_min(1), name
    moved = next(tensor for name, tensor in expected.items() if "word_embeddings" in name)
    assert (moved - start["bert.embeddings.word_embeddings.weight"]).abs().max() > 1e-3

    log, expected_log = read_log(two / "log.csv"), read_log(one / "log.csv")
    assert [row["step"] for row in log] == list(range(1, STEPS + 1))
    for key in ("loss", "margin_mse_loss", "query_active_dims", "document_strength"):
        assert [row[key] for row in log] == pytest.approx(
            [row[key] for row in expected_log], rel=1e-4
        )


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in SHAPES:
        run(Path(sys.argv[1]), name, output=f"{name}-two", batch=BATCH // RANKS)
