"""The notebooks run, show what a run shows, and tell nothing of the machine they ran on."""

from __future__ import annotations

import re
import runpy
import socket
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
_PATH = re.compile(r"(?<![\w./])/(?:home|root|Users|tmp|work|usr|opt|var)/[\w./-]+|[A-Z]:\\\\Users")

nbformat = pytest.importorskip("nbformat")


def _outputs(notebook: Any) -> list[Any]:
    return [each for cell in notebook.cells for each in cell.get("outputs", [])]


def test_all_are_there() -> None:
    assert [each.stem[:2] for each in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@pytest.mark.real_model
@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'integrations'}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    execute = runpy.run_path(str(ROOT / "notebooks" / "execute.py"))["execute"]

    ran = execute(path, tmp_path)

    kept = nbformat.read(path, as_version=4)
    assert [each.source for each in ran.cells] == [each.source for each in kept.cells]
    assert {each.output_type for each in _outputs(ran)} <= {
        "stream",
        "execute_result",
        "display_data",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_tell_nothing_of_the_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    outputs = _outputs(notebook)
    assert any("image/png" in each.get("data", {}) for each in outputs) or path.stem[:2] == "05"
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    told = "\n".join(
        str(text)
        for each in outputs
        for text in [
            each.get("text", ""),
            *(value for kind, value in each.get("data", {}).items() if kind != "image/png"),
        ]
    )
    assert not _PATH.findall(told)
    assert not [each for each in outputs if each.get("name") == "stderr"]
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", told)
