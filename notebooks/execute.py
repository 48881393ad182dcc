"""Runs notebooks and keeps their outputs: ``python notebooks/execute.py [NOTEBOOK ...]``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# tqdm asks for widgets, with the path of its own file.
_QUIET = "ignore:IProgress not found"


def execute(notebook: Path, folder: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a run, and nothing of the machine.

    Args:
        notebook: The file; left as it is.
        folder: Where it runs, and leaves its files.
    """
    node = nbformat.read(notebook, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        node,
        timeout=300,
        kernel_name="python3",
        resources=resources,
        coalesce_streams=True,  # or where prints are cut would change from run to run
    )
    client.execute(env={**os.environ, "PYTHONWARNINGS": _QUIET})
    node.metadata = nbformat.from_dict({"kernelspec": _KERNEL, "language_info": {"name": "python"}})
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({})
    return node


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:] or sorted(map(str, HERE.glob("*.ipynb")))):
        with tempfile.TemporaryDirectory() as place:
            nbformat.write(execute(given, Path(place)), given)
