"""A training process killed with SIGKILL goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from splade_sdk.training.checkpoints import last_checkpoint
from splade_sdk.training.log import read_log
from tests.unit.training import tiny_training as tiny

ROOT = Path(__file__).parents[2]
STEPS = 90
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def config(folder: Path, output: Path, query_expansion: bool):
    """Everything that has state: dropout, the controller, a running mean of frequencies."""
    return tiny.config(
        folder,
        model={"query_expansion": query_expansion},
        sparsity={
            "target_active_dims": [8.0, 11.0],
            "document": {"name": "df_flops", "strength": 1e-3},
        },
        optimizer={"max_steps": STEPS, "learning_rate": 2e-3},
        checkpoints={"every_steps": 10},
        evaluation={"path": str(folder / "dev"), "every_steps": 15},
        output_dir=str(output),
    )


def start(folder: Path, output: Path, query_expansion: bool) -> subprocess.Popen[bytes]:
    words = [str(folder), str(output), str(int(query_expansion))]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.test_resume", *words],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("query_expansion", [True, False], ids=["both-sides", "splade-doc"])
def test_killed_training_goes_on_to_the_same_weights(tmp_path, query_expansion):
    tiny.save_base(tmp_path / "base", bias=-8.0)
    tiny.write_lines(tmp_path / "data.jsonl", tiny.examples(480))
    tiny.write_collection(tmp_path / "dev")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    uninterrupted = start(tmp_path, whole, query_expansion)

    times_killed = 0
    for wanted in (20, 50):  # the steps whose checkpoint is waited for before the kill
        process = start(tmp_path, killed, query_expansion)
        while process.poll() is None and _step(killed) < wanted:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            times_killed += 1
        process.wait()
    assert times_killed == 2
    assert not (killed / "model").exists()
    log_at_kill = read_log(killed / "log.csv")
    assert start(tmp_path, killed, query_expansion).wait() == 0
    assert uninterrupted.wait() == 0

    expected, found = (
        {
            str(path.relative_to(run)): load_file(path)
            for path in (run / "model").rglob("*.safetensors")
        }
        for run in (whole, killed)
    )
    assert found.keys() == expected.keys()
    for file, tensors in expected.items():
        for name, tensor in tensors.items():
            difference = (tensor - found[file][name]).abs().max()
            assert difference < 1e-5, (file, name)

    log, expected_log = read_log(killed / "log.csv"), read_log(whole / "log.csv")
    assert [row["step"] for row in log] == [row["step"] for row in expected_log]
    assert log[-1]["step"] == STEPS > log_at_kill[-1]["step"]
    for key in ("loss", "document_active_dims", "document_strength", "eval_ndcg@10"):
        assert [row.get(key) for row in log] == pytest.approx(
            [row.get(key) for row in expected_log]
        )


def _step(run: Path) -> int:
    checkpoint = last_checkpoint(run)
    return 0 if checkpoint is None else int(checkpoint.name[11:])


if __name__ == "__main__":
    from splade_sdk.training.run import train

    data_folder, run_folder, both_sides = sys.argv[1:]
    train(config(Path(data_folder), Path(run_folder), bool(int(both_sides))))
