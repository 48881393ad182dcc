"""Two processes with half a batch each have the gradients of one with the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.training.build import build_collator, build_objective
from splade_sdk.training.data import parse_example
from splade_sdk.training.gradient_cache import cached_backward
from splade_sdk.training.model import SpladeModel
from tests.unit.training import tiny_training as tiny

ROOT = Path(__file__).parents[2]
EXAMPLES, RANKS, CHUNK = 12, 2, 4
SHAPES = ("both-sides", "splade-doc")


def config(folder: Path):
    """InfoNCE and FLOPS, at strengths of like size."""
    side = {"name": "flops", "strength": 0.05}
    return tiny.config(
        folder,
        sparsity={"query": side, "document": side, "warmup_share": 0},
        optimizer={"max_steps": 100},
    )


def gradients(folder: Path, shape: str, rows: slice, *, cached: bool) -> dict[str, torch.Tensor]:
    """Run one step on some of the examples, as SpladeTrainer does."""
    settings = config(folder)
    expansion = shape == "both-sides"
    model: torch.nn.Module = SpladeModel(
        load_masked_lm(folder / "base", dtype=torch.float32).eval(),  # no dropout
        query_token_weights=None if expansion else torch.ones(len(tiny.VOCABULARY)),
    )
    parameters = dict(model.named_parameters())
    synchronised = dist.is_initialized()
    if synchronised:
        model = DistributedDataParallel(model)
    examples = [parse_example(row, "row") for row in tiny.examples(EXAMPLES)][rows]
    batch = build_collator(settings, tiny.tokenizer())(examples)
    objective = build_objective(settings, total_steps=100)

    def loss_of(query: torch.Tensor, document: torch.Tensor) -> torch.Tensor:
        return objective(query, document, batch["targets"], 50).total

    if cached:
        loss = cached_backward(
            model,
            batch["query"],
            batch["document"],
            loss_of,
            chunk_size=CHUNK,
            no_sync=model.no_sync if synchronised else nullcontext,
        )
    else:
        loss = loss_of(*model(batch["query"], batch["document"]))
        loss.backward()
    return {"loss": loss.detach()} | {
        name: each.grad for name, each in parameters.items() if each.grad is not None
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    tiny.save_base(folder / "base", bias=-8.0)
    config(folder)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "PYTHONPATH": str(ROOT),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.test_data_parallel", str(rank), str(folder)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(RANKS)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cached", [False, True], ids=["plain", "cached"])
def test_gradients_are_those_of_one_process(folder, shape, cached):
    expected = gradients(folder, shape, slice(None), cached=False)
    half = gradients(folder, shape, slice(0, EXAMPLES // RANKS), cached=False)

    for rank in range(RANKS):
        found = torch.load(folder / f"{shape}-{cached}-{rank}.pt")
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            scale = tensor.abs().max().clamp_min(1e-3)
            assert (found[name] - tensor).abs().max() / scale < 1e-4, name
    # The split must matter, or the test could not fail.
    name = "masked_lm.model.cls.predictions.bias"
    assert (half[name] - expected[name]).abs().max() > 0.1 * expected[name].abs().max()


def run(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=RANKS
    )
    share = EXAMPLES // RANKS
    for shape in SHAPES:
        for cached in (False, True):
            rows = slice(rank * share, (rank + 1) * share)
            torch.save(
                gradients(folder, shape, rows, cached=cached),
                folder / f"{shape}-{cached}-{rank}.pt",
            )
    dist.destroy_process_group()


if __name__ == "__main__":
    run(int(sys.argv[1]), Path(sys.argv[2]))
