"""The options of an upsert: as keywords, and what they refuse."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.retrieval.ingest.options import UpsertKeywords, UpsertOptions


def test_the_keywords_are_the_fields() -> None:
    fields = [field.name for field in dataclasses.fields(UpsertOptions)]
    assert fields == list(UpsertKeywords.__annotations__)
    assert get_type_hints(UpsertKeywords) == get_type_hints(UpsertOptions)
    assert not UpsertKeywords.__required_keys__


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"batch_size": 0}, ConfigError, "batch_size is 0: expected 1 or more"),
        ({"batch_size": 2.5}, InvalidTypeError, "batch_size is 2.5"),
        ({"on_bad_document": "ignore"}, ConfigError, "is 'ignore': expected 'raise' or 'skip'"),
        ({"checkpoint": 3}, InvalidTypeError, r"checkpoint is 3 \(int\): expected a path"),
        ({"dead_letter": Path("/no/folder/f")}, ConfigError, "dead_letter is .* is no folder"),
    ],
)
def test_values_are_checked(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        UpsertOptions(**given)
