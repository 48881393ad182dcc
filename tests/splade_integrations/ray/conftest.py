"""A Ray cluster of two cores, and a server that its workers reach: in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.splade_integrations.ray.remote_server import RemoteServer, serve

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    """Two cores, and as little of everything else as Ray takes."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory("ray") as folder:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'integrations'}", os.pathsep)
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
        ray.init(
            num_cpus=2,
            object_store_memory=80_000_000,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=folder,
        )
        yield
        ray.shutdown()


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    process = processes.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    server = RemoteServer(ours)
    yield server
    server.close()
    process.join(30)
    process.close()
