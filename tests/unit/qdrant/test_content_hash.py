from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splade_sdk.qdrant.content_hash import ContentHasher, same_vector
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


def test_without_a_dense_model_hashes_are_what_they_were() -> None:
    made = SparseVector.from_dict({1: 1.0}, 8)
    assert ContentHasher("512")("text", {"n": 1}) == "37c86671aea4338d7613406f6c0f5050"
    assert ContentHasher("512")("text", {"n": 1}, made) == "359e0ec7f604fcdbef1e4b73ea2a2c48"


def test_the_dense_model_counts() -> None:
    plain, one, other = ContentHasher("s"), ContentHasher("s", "d1"), ContentHasher("s", "d2")
    hashes = [hasher("text", {}) for hasher in (plain, one, other)]
    assert len({each[:16] for each in hashes}) == 3


def test_ready_made_vectors_of_both_kinds_count() -> None:
    hasher, made = ContentHasher("s", "d"), SparseVector.from_dict({1: 1.0}, 8)
    row, turned = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    hashes = [
        hasher("t", {}),
        hasher("t", {}, made),
        hasher("t", {}, None, row),
        hasher("t", {}, None, turned),
        hasher("t", {}, made, row),
    ]
    assert len(set(hashes)) == len(hashes)


def test_the_model_counts_where_it_makes_the_other_vector() -> None:
    one, other = ContentHasher("s", "d1"), ContentHasher("s", "d2")
    made, row = SparseVector.from_dict({1: 1.0}, 8), np.array([1.0], np.float32)
    assert one("t", {}, made) != other("t", {}, made)
    assert one("t", {}, made, row) == other("t", {}, made, row)
