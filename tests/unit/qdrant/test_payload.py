from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from splade_sdk.errors import InvalidDocumentError, InvalidInputError
from splade_sdk.qdrant.payload import from_payload, metadata_path, to_payload
from splade_sdk.types import Document

JSON = {
    "none": None,
    "flag": True,
    "n": -(2**63),
    "x": 0.1,
    "text": "ü 漢字 🙂",
    "list": [1, [2.5, {"deep": "v"}]],
    "empty": {},
}


def test_a_document_comes_back() -> None:
    document = Document("id/ü", "", JSON)
    assert from_payload(to_payload(document)) == document
    assert to_payload(document) == {"doc_id": "id/ü", "text": "", "metadata": JSON}


def test_the_metadata_is_copied() -> None:
    given: dict[str, Any] = {"tags": ["a"]}
    payload = to_payload(Document("a", "t", given))
    given["tags"].append("b")
    assert payload["metadata"] == {"tags": ["a"]}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (date(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1, 12), "2024-05-01T12:00:00+00:00"),
        (datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=2))), "2024-05-01T00:00:00+02:00"),
        ((1, "a"), [1, "a"]),
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (np.datetime64("2024"), "2024-01-01"),
        (np.datetime64("2024-05-01T12:00"), "2024-05-01T12:00:00+00:00"),
        (np.datetime64("2024-05-01T12:00:00.123456789", "ns"), "2024-05-01T12:00:00.123456+00:00"),
        (2024.0, 2024),
        (np.float32(2024), 2024),
        (-0.0, 0),
        (2.0**53, 2**53),
        (2.0**54, 2.0**54),
        (2024.5, 2024.5),
    ],
)
def test_what_can_be_said_in_json_is_converted(value: object, stored: object) -> None:
    made = to_payload(Document("a", "t", {"k": value, "deep": [{"k": value}]}))["metadata"]
    assert made == {"k": stored, "deep": [{"k": stored}]}
    assert type(made["k"]) is type(stored)


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"tags": {"a", "b"}}, r"'tags' of document 'a1' is of type set: expected None, bool"),
        ({"deep": [{"x": object()}]}, r"'deep\.0\.x' of document 'a1' is of type object"),
        ({"x": float("nan")}, r"'x' .* is nan: JSON has no such number; use None"),
        ({"x": np.datetime64("NaT")}, r"'x' .* is nan: .* use None"),
        ({"x": np.timedelta64(3, "ns")}, r"'x' .* is of type timedelta64"),
        ({"x": np.datetime64("20000-01-01")}, r"'x' .* is of type datetime64"),
        ({"x": np.float32("inf")}, r"'x' .* is inf"),
        ({"x": 2**63}, r"'x' .* does not fit in 64 bits; use a string"),
        ({"x": b"bytes"}, r"'x' .* is of type bytes"),
        ({1: "x"}, r"has the key 1: expected strings"),
        ({"deep": {2.5: "x"}}, r"'deep' .* has the key 2\.5"),
        ({"x": "\ud800"}, r"'x' .* lone surrogate"),
        ({"\ud800": 1}, r"lone surrogate"),
        ({"x": _endless()}, r"'x\.0\.0' .* nested deeper than 64"),
    ],
)
def test_what_json_cannot_say_is_refused(metadata: dict[Any, Any], told: str) -> None:
    with pytest.raises(InvalidDocumentError, match=told):
        to_payload(Document("a1", "t", metadata))


def test_a_foreign_payload_is_told() -> None:
    with pytest.raises(InvalidDocumentError, match=r"no 'doc_id' .* \['title'\].*not written by"):
        from_payload({"title": "x"})


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("year", "metadata.year"),
        ("author.name", "metadata.author.name"),
        ("offers[].price", "metadata.offers[].price"),
        ("offers[0].price", "metadata.offers[0].price"),
        ("two words.ü", 'metadata."two words"."ü"'),
        ('"a.b".c', 'metadata."a.b".c'),
    ],
)
def test_paths(key: str, path: str) -> None:
    assert metadata_path(key) == path


@pytest.mark.parametrize(
    "key", ['say "hi"', '"', '"a', '"a"b', 'two words."a.b"', "a..b", ".a", ""]
)
def test_what_is_no_path_is_told(key: str) -> None:
    with pytest.raises(InvalidInputError, match=f"field {re.escape(repr(key))}"):
        metadata_path(key)
