"""Without a framework, its integration says which extra brings it; the core needs none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRAMEWORKS = {
    "haystack": ["haystack"],
    "langchain": ["langchain_core", "langchain_qdrant"],
    "llama_index": ["llama_index"],
}
_PROGRAM = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
from splade_sdk.errors import MissingDependencyError
try:
    import splade_integrations.{package}
except MissingDependencyError as error:
    print(error)
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'integrations'}"},
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("package", "hidden"), [(name, each) for name, them in FRAMEWORKS.items() for each in them]
)
def test_a_missing_framework_names_its_extra(package: str, hidden: str) -> None:
    for needed in FRAMEWORKS[package]:
        pytest.importorskip(needed)
    told = run(_PROGRAM.format(hidden=hidden, package=package))
    extra = package.replace("_", "-")
    assert told.startswith(f"{hidden} is not installed")
    assert f"pip install 'splade-sdk[{extra}]'" in told


def test_the_core_imports_no_framework() -> None:
    modules = sorted(each for them in FRAMEWORKS.values() for each in them)
    program = (
        "import sys; from splade_sdk import Bm25Encoder, Retriever, Document;"
        "r = Retriever(':memory:', encoder=Bm25Encoder()); r.upsert([Document('a', 'text')]);"
        f"print(*(set({modules!r}) & sys.modules.keys()))"
    )
    assert run(program) == ""
