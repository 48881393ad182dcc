"""A disk that fills up ends an upsert with an error, where the engine alone would be killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

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
MOUNT = 'mount -t tmpfs -o size=100m tmpfs "$0" && exec "$@"'


@pytest.mark.skipif(shutil.which("unshare") is None, reason="mounting needs unshare (Linux)")
def test_the_process_survives(tmp_path: Path) -> None:
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(tmp_path)]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    done = subprocess.run(
        [*inside, sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "index")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "MB free, and the engine needs 6" in done.stdout
