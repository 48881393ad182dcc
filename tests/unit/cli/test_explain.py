from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document
from tests.unit.cli.conftest import Ran
from tests.unit.fakes import WordEncoder

Splade = Callable[..., Ran]


@pytest.fixture
def indexed(tmp_path: Path) -> str:
    folder = str(tmp_path / "idx")
    # Of the model that the commands open here.
    with Retriever(path=folder, encoder=WordEncoder()) as retriever:
        retriever.upsert(
            [Document("heart", "heart attack attack <b>"), Document("panic", "panic attack")]
        )
    return folder


# attack: 1 * 2; heart: 1 * 1.
def test_the_terms_come_as_a_table(splade: Splade, indexed: str) -> None:
    ran = splade("explain", "heart attack", "--id", "heart", "--index", indexed)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "heart  3.0000  for 'heart attack'"
    assert lines[1].strip() == "heart attack attack <b>"
    assert [line.split()[1:5] for line in lines[3:5]] == [
        ["1.00", "×", "2.00", "2.00"],
        ["1.00", "×", "1.00", "1.00"],
    ]


def test_or_as_json(splade: Splade, indexed: str) -> None:
    ran = splade("explain", "heart attack", "--id", "heart", "--index", indexed, "--json")
    read = json.loads(ran.out)
    assert (read["score"], read["total"]) == (3.0, 3.0)
    assert [term["contribution"] for term in read["terms"]] == [2.0, 1.0]


def test_or_as_a_page(splade: Splade, indexed: str, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    ran = splade("explain", "heart", "--id", "heart", "--index", indexed, "--html", str(page))
    assert ran == Ran(0, "", "")
    html = page.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "&lt;b&gt;" in html


def test_a_document_that_is_not_there_is_an_error_of_one_line(splade: Splade, indexed: str) -> None:
    ran = splade("explain", "heart", "--id", "nobody", "--index", indexed)
    assert (ran.code, ran.out) == (1, "")
    assert "there is no document 'nobody'" in ran.err
    assert ran.err.count("\n") == 1


def test_search_explains_its_hits(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--explain")
    assert ran.code == 0
    heads = [line.split("  ")[:2] for line in ran.out.splitlines() if "for 'attack'" in line]
    assert heads == [["heart", "2.0000"], ["panic", "1.0000"]]
    ran = splade("search", "attack", "--index", indexed, "--explain", "--json")
    assert [row["explanation"]["total"] for row in json.loads(ran.out)] == [2.0, 1.0]
