from __future__ import annotations

import subprocess
import sys

import pytest

import splade_sdk

HEAVY = ["torch", "transformers", "qdrant_client", "qdrant_edge", "scipy", "ir_measures"]


def heavy_after(statement: str) -> str:
    """Return the heavy modules that a fresh process has loaded after a statement."""
    program = f"import sys; {statement}; print(*({HEAVY!r} & sys.modules.keys()))"
    program = program.replace(repr(HEAVY), repr(set(HEAVY)))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import splade_sdk",
        "import splade_sdk; dir(splade_sdk); splade_sdk.__version__",
        "from splade_sdk import Document, SparseBatch, SpladeError",
        "from splade_sdk import Bm25Encoder; Bm25Encoder().encode(['a text'])",
        "from splade_sdk import RemoteEncoder; RemoteEncoder('http://localhost:8080')",
    ],
)
def test_light_imports_stay_light(statement: str) -> None:
    assert heavy_after(statement) == ""


@pytest.mark.parametrize(
    "module",
    ["splade_sdk.retrieval.retriever", "splade_sdk.qdrant.open", "splade_sdk.evaluation.runner"],
)
def test_search_and_evaluation_do_without_torch(module: str) -> None:
    assert {"torch", "transformers"}.isdisjoint(heavy_after(f"import {module}").split())


def test_all_is_importable() -> None:
    for name in splade_sdk.__all__:
        assert getattr(splade_sdk, name).__name__ == name
        assert name in dir(splade_sdk)


def test_every_public_name_has_a_home() -> None:
    assert sorted(splade_sdk._HOMES) == sorted(splade_sdk.__all__)  # ruff keeps both in order


def test_the_names_of_training_are_importable_and_load_on_use() -> None:
    pytest.importorskip("accelerate")
    from splade_sdk import training

    assert sorted(training._HOMES) == sorted(training.__all__)
    for name in training.__all__:
        assert getattr(training, name).__name__ == name
        assert name in dir(training)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        training.Nonsense  # noqa: B018
    assert heavy_after("import splade_sdk.training") == ""


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        splade_sdk.Nonsense  # noqa: B018


def test_an_import_is_silent() -> None:
    program = (
        "import logging; before = (logging.root.level, list(logging.root.handlers));"
        "import splade_sdk; from splade_sdk import Retriever;"
        "assert before == (logging.root.level, list(logging.root.handlers))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
