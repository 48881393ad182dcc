from __future__ import annotations

from typing import Any

import pytest

from splade_sdk.qdrant.content import ContentHasher, same_vector
from splade_sdk.types import SparseVector


def vector(weight: float) -> SparseVector:
    return SparseVector.from_dict({3: weight, 9: 1.0}, 64)


def test_equal_documents_have_equal_hashes() -> None:
    one = ContentHasher("512")("text", {"a": 1, "b": [1.5, None]})
    assert one == ContentHasher("512")("text", {"b": [1.5, None], "a": 1})
    assert len(one) == 32


def test_metadata_changes_the_hash_but_not_the_vector() -> None:
    hasher = ContentHasher()
    one, other = hasher("text", {"year": 1}), hasher("text", {"year": 2})
    assert one != other
    assert same_vector(one, other)


@pytest.mark.parametrize(
    ("text", "settings"), [("other", ""), ("text ", ""), ("text", "256"), ("", "")]
)
def test_text_and_settings_change_the_vector(text: str, settings: str) -> None:
    assert not same_vector(ContentHasher()("text", {}), ContentHasher(settings)(text, {}))


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (None, "None"), ("1", 1), ([1, 2], [[1, 2]])]
)
def test_values_that_differ_in_json_differ(one: Any, other: Any) -> None:
    hasher = ContentHasher()
    assert hasher("t", {"k": one}) != hasher("t", {"k": other})


def test_a_ready_made_vector_counts_and_so_do_text_and_metadata() -> None:
    hasher = ContentHasher()
    made = {
        hasher("t", {}),
        hasher("t", {}, vector(1.0)),
        hasher("t", {}, vector(2.0)),
        hasher("u", {}, vector(1.0)),
        hasher("t", {"k": 1}, vector(1.0)),
    }
    assert len(made) == 5
    assert hasher("t", {}, vector(1.0)) == hasher("t", {}, vector(1.0))


def test_settings_do_not_matter_to_a_ready_made_vector() -> None:
    assert ContentHasher("a")("t", {}, vector(1.0)) == ContentHasher("b")("t", {}, vector(1.0))
