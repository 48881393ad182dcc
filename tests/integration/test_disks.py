"""Disks that are full, or can only be read: on a real one, mounted for the test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from splade_sdk import Document, Retriever
from tests.unit.fakes import WordEncoder

pytest.importorskip("qdrant_edge")

# Fills a disk of 100 MB, then opens what is there once more.
SCRIPT = """
import sys
from splade_sdk import Document, Retriever
from splade_sdk.errors import DiskFullError
from tests.unit.fakes import WordEncoder

documents = (Document(f"d{n}", f"word{n} " + "common " * 500) for n in range(50_000))
with Retriever(path=sys.argv[1], encoder=WordEncoder()) as retriever:
    try:
        retriever.upsert(documents)
    except DiskFullError as error:
        print(error)
    stored = retriever.count()
    assert 256 <= stored < 50_000, stored
    assert [hit.id for hit in retriever.search("word7", limit=1)] == ["d7"]
"""
READ_ONLY = """
import sys
from splade_sdk import Retriever
from splade_sdk.errors import EngineError
from tests.unit.fakes import WordEncoder

try:
    Retriever(path=sys.argv[1], encoder=WordEncoder()).count()
except EngineError as error:
    print(error)
"""
MOUNT = 'mount -t tmpfs -o size=100m tmpfs "$0" && exec "$@"'


REMOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'

pytestmark = pytest.mark.skipif(
    shutil.which("unshare") is None, reason="mounting needs unshare (Linux)"
)


def test_what_can_only_be_read_cannot_be_searched(tmp_path: Path) -> None:
    with Retriever(path=tmp_path / "index", encoder=WordEncoder()) as retriever:
        retriever.upsert([Document("a", "heart")])
    done = run_on(tmp_path, REMOUNT, READ_ONLY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Read-only file system" in done.stdout
    assert "make it writable, open a copy of it, or run a Qdrant server" in done.stdout


def test_a_disk_that_fills_up_ends_an_upsert(tmp_path: Path) -> None:
    done = run_on(tmp_path, MOUNT, SCRIPT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MB free, and the engine needs 6" in done.stdout


def run_on(folder: Path, mount: str, script: str) -> subprocess.CompletedProcess[str]:
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(folder)]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a disk")
    return subprocess.run(
        [*inside, sys.executable, "-c", script, str(folder / "index")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
