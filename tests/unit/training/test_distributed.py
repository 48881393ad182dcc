import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from splade_sdk.training.distributed import batch_mean, gather_rows, mean_over_ranks, world_size
from tests.unit.training import two_ranks

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.training.two_ranks", str(rank), str(folder)],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(len(two_ranks.RANKS))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    return [torch.load(folder / f"{rank}.pt") for rank in range(len(processes))]


def test_two_ranks_have_the_gradients_of_one_process_with_the_whole_batch(results):
    expected = two_ranks.backward(two_ranks.model(), list(range(len(two_ranks.LISTS))))

    for result in results:
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)


def test_one_rank_alone_has_other_gradients():
    """Guards the test above: the split must matter."""
    whole = two_ranks.backward(two_ranks.model(), list(range(len(two_ranks.LISTS))))
    part = two_ranks.backward(two_ranks.model(), two_ranks.RANKS[0])

    assert not torch.allclose(whole["0.weight"], part["0.weight"], rtol=1e-2)


class TestWithoutProcessGroup:
    def test_there_is_one_rank(self):
        assert world_size() == 1

    def test_batch_mean_is_the_mean(self):
        assert batch_mean(torch.tensor([[1.0, 4.0], [3.0, 0.0]])).tolist() == [2.0, 2.0]

    def test_mean_of_nothing_is_zero(self):
        assert mean_over_ranks(torch.tensor(0.0), 0).item() == 0.0

    def test_gather_returns_the_rows(self):
        rows = torch.ones(2, 3)

        assert gather_rows(rows) == (rows, 0)
