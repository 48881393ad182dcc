"""``splade upgrade``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from splade_sdk import Bm25Encoder, Document, Retriever
from splade_sdk.cli import opening
from splade_sdk.cli.main import run
from tests.unit.fakes import LetterEncoder


def splade(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    return int(ended.value.code or 0)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def letters(name: str | None) -> Any:
        return LetterEncoder() if name == "letters" else None

    monkeypatch.setattr(opening, "open_dense", letters)
    with Retriever(path=tmp_path, encoder=Bm25Encoder()) as retriever:
        retriever.upsert([Document("a", "fish swim"), Document("b", "birds sing")])
    return tmp_path


def ask(index: Path, *more: str) -> Sequence[str]:
    return ("upgrade", "--index", str(index), "--model", "bm25", *more)


def test_it_makes_an_index_hybrid(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert splade(*ask(index, "--dense-model", "letters")) == 0
    assert capsys.readouterr().out.startswith("2 documents got a dense vector, 0 are blank")
    with Retriever(path=index, encoder=Bm25Encoder(), dense_encoder=LetterEncoder()) as retriever:
        assert retriever.search("ii", mode="dense", limit=1)[0].legs["dense"].rank == 1
    assert splade(*ask(index, "--dense-model", "letters", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["upgraded"] == 0  # nothing is left to do


def test_it_asks_for_a_dense_model(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert splade(*ask(index)) == 1
    assert "give the retriever a dense_encoder" in capsys.readouterr().err
