from __future__ import annotations

from pathlib import Path

import pytest

from splade_sdk import SpladeEncoder
from splade_sdk.errors import ModelNotFoundError
from splade_sdk.models import default
from splade_sdk.models.default import default_model_path

_MOST_BYTES = 48_000_000


def test_without_it_the_message_says_what_to_install_or_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "_FOLDER", tmp_path)
    with pytest.raises(ModelNotFoundError, match=r"install splade-sdk again, or pass .*--model"):
        default_model_path()


def test_it_is_small_and_tells_where_it_comes_from() -> None:
    folder = default_model_path()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= _MOST_BYTES
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card


def test_both_of_its_query_sides_find_what_is_asked_in_other_words() -> None:
    texts = ["how to treat a heart attack", "growing tomatoes in a greenhouse"]
    for settings in ({}, {"query_token_weights": "learned"}):
        encoder = SpladeEncoder(**settings)
        documents = encoder.encode_document(texts)
        scores = encoder.similarity(encoder.encode_query(["heart failure", "tomato"]), documents)
        assert scores[0, 0] > scores[0, 1]
        assert scores[1, 1] > scores[1, 0]
    assert SpladeEncoder().dense_dimensions == 384
