"""A forked child neither uses nor harms what its parent has open, however the child ends."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import portalocker
import pytest

from splade_sdk.config import Fingerprint
from splade_sdk.errors import ForkedProcessError
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from tests.contracts.fake_server import FakeServer
from tests.unit.qdrant.points import point

pytest.importorskip("qdrant_edge")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

SCRIPT = Path(__file__).with_name("forking.py")
TIMES = os.environ.get("SPLADE_TEST_FORKS", "5")
"""How often each sequence runs; SPLADE_TEST_FORKS=50 for a thorough run."""


@pytest.mark.parametrize("place", ["path", "memory", "multiprocessing"])
@pytest.mark.parametrize(
    "ending",
    ["ends", "raises", "leaves_with", "closes", "forks_again", "opens_its_own", "is_refused"],
)
def test_the_parents_index_stays_whole(ending: str, place: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), ending, place, str(tmp_path), TIMES],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr


FINGERPRINT = Fingerprint(
    kind="other", model="m", revision="r", vocabulary_sha256="v", dimensions=64
)


def in_child(collection: Collection) -> str:
    """Return what a forked child got from a search after ``close``, and after being refused."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            collection.count()
            answer = "no error"
        except ForkedProcessError as error:
            answer = str(error)
        collection.close()
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("engine", ["embedded", "server", "local"])
def test_a_collection_is_refused_in_the_child_and_works_on_in_the_parent(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "local":
        monkeypatch.setattr("splade_sdk.qdrant.open.find_spec", lambda _: None)
    server = FakeServer()
    place = server.url if engine == "server" else None
    where = Address(url=place, path=None if place else tmp_path, collection="docs")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="qdrant-edge-py is not installed")
        collection = open_collection(where, fingerprint=FINGERPRINT)
        collection.upsert([point("a")])
        assert "does not survive fork()" in in_child(collection)
        assert collection.count() == 1
        if engine == "local":  # and the lock of its folder is still held
            flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
            with (
                (tmp_path / ".lock").open("r+") as file,
                pytest.raises(portalocker.LockException),
            ):
                portalocker.lock(file, flags)
    collection.close()
    server.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_that_lives_on_does_not_keep_the_folder(tmp_path: Path) -> None:
    collection = open_collection(Address(path=tmp_path, collection="docs"), fingerprint=FINGERPRINT)
    collection.upsert([point("a")])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.close(write)
        os.read(read, 1)  # until the parent closes its end
        os._exit(0)
    os.close(read)
    try:
        collection.close()
        again = open_collection(Address(path=tmp_path, collection="docs"), fingerprint=FINGERPRINT)
        assert again.count() == 1
        again.close()
    finally:
        os.close(write)
        os.waitpid(child, 0)
