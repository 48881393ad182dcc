from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from splade_sdk.cli import opening
from tests.unit.cli.conftest import Ran
from tests.unit.evaluation.test_expansions import BYTES, WORDPIECE
from tests.unit.fakes import WordEncoder

Splade = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _models(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {None: WORDPIECE, "bytes": BYTES, "words": WordEncoder()}
    monkeypatch.setattr(opening, "open_encoder", lambda name, **_: models[name])


def test_terms_stand_side_by_side(splade: Splade) -> None:
    ran = splade("compare", "default", "bytes", "hearts", "love")
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.out.split("\n\n")
    text, head, *rows, told, _ = first.splitlines()
    assert (text, head.split()) == ("hearts", ["default", "bytes"])
    assert [row.split() for row in rows] == [
        ["love", "+", "–", "2.50", "█" * 16],
        ["heart", "2.00", "█" * 13, "1.50", "█" * 10],
        ["cardiac", "+", "1.00", "█" * 6, "–"],
        ["…s", "0.50", "█" * 3, "–"],
    ]
    assert told.startswith("1 in both (25 %), cosine 0.45; default: 2 literal, 1 added; bytes: 1")
    assert second.startswith("love")


def test_the_rest_is_counted(splade: Splade) -> None:
    ran = splade("compare", "default", "bytes", "hearts", "--top-k", "1")
    assert "3 more terms; 1 in both" in ran.out


def test_values_come_as_json(splade: Splade) -> None:
    (row,) = json.loads(splade("compare", "default", "bytes", "hearts", "--json").out)
    assert row["models"] == ["default", "bytes"]
    assert row["terms"][1] == {"term": "heart", "first": 2.0, "second": 1.5, "literal": True}


def test_a_model_that_tells_no_literal_terms_is_refused(splade: Splade) -> None:
    ran = splade("compare", "default", "words", "hearts")
    assert (ran.code, ran.out) == (1, "")
    assert "WordEncoder cannot tell which terms stand in a text" in ran.err
