from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from splade_sdk.cli import stdlib_docs
from splade_sdk.cli.demo import ANSWERS, QUESTIONS
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document
from tests.unit.cli.conftest import Ran

Splade = Callable[..., Ran]


@pytest.fixture(autouse=True)
def few_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    def documents() -> Iterator[Document]:
        for name, text in {
            "subprocess.run": "run another program",
            "zlib.compress": "compress data",
            "hashlib.scrypt": "password hash, a long line " + "that goes on " * 20,
        }.items():
            yield Document(name, f"{name}(x)\n{text}", {"kind": "function"})

    monkeypatch.setattr(stdlib_docs, "stdlib_documents", documents)


def test_it_indexes_once_and_answers_each_question(splade: Splade, tmp_path: Path) -> None:
    folder = str(tmp_path / "demo")
    first = splade("demo", "--index", folder)
    assert first.code == 0, first.err
    assert first.err == "indexing 3 docstrings, once …\n"
    assert all(f"? {question}" in first.out for question in QUESTIONS)
    assert "zlib.compress   compress data\n" in first.out
    second = splade("demo", "--index", folder)
    assert second == Ran(0, first.out, "")


def test_lines_fit_a_terminal_of_80_columns(splade: Splade, tmp_path: Path) -> None:
    out = splade("demo", "--index", str(tmp_path / "demo")).out
    assert max(len(line) for line in out.splitlines() if "--index" not in line) <= 80
    assert len(out.splitlines()) <= 4 + len(QUESTIONS) * (2 + ANSWERS)


def test_the_command_it_suggests_works(splade: Splade, tmp_path: Path) -> None:
    out = splade("demo", "--index", str(tmp_path / "my demo"), "--model", "words").out
    suggested = out.splitlines()[-1].strip()
    assert suggested == (
        f"splade search \"your own question\" --index '{tmp_path / 'my demo'}' --model words"
    )
    ran = splade("search", "compress", "--index", str(tmp_path / "my demo"), "--model", "words")
    assert "zlib.compress" in ran.out


def test_by_default_it_lies_in_the_cache_keyed_by_the_model(
    splade: Splade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    splade("demo")
    splade("demo", "--model", "other")
    splade("demo")
    assert len(list((tmp_path / "splade-sdk").glob("demo-3.*"))) == 2


def test_an_interrupted_run_is_completed(splade: Splade, tmp_path: Path) -> None:
    from tests.unit.cli.conftest import TermEncoder

    encoder = TermEncoder()
    with Retriever(path=tmp_path / "demo", encoder=encoder) as retriever:
        retriever.upsert([next(iter(stdlib_docs.stdlib_documents()))])
    ran = splade("demo", "--index", str(tmp_path / "demo"))
    assert ran.err == "indexing 3 docstrings, once …\n"
    assert ran.out.startswith("3 docstrings of Python")
