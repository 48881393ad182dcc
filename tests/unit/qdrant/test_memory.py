"""What the oracle does beyond the contract: its own formula, by hand."""

from __future__ import annotations

import math

import pytest

from splade_sdk.config import Fingerprint
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import MAX_DIMENSIONS
from tests.unit.qdrant.points import point, query


def test_the_sum_is_rounded_once(fingerprint: Fingerprint) -> None:
    collection = MemoryCollection(fingerprint)
    collection.upsert([point("a", {1: 1.0, 2: 1.0, 3: 1.0})])
    # 1 + 2^-25 + 2^-25: in float32 each summand is lost on its own, together they are not.
    [hit] = collection.search(query({1: 1.0, 2: 2.0**-24, 3: 2.0**-24}))
    assert hit.score == 1.0 + 2.0**-23


def test_idf_counts_points_that_have_a_term(fingerprint: Fingerprint) -> None:
    collection = MemoryCollection(fingerprint.model_copy(update={"idf": True}))
    collection.upsert([point("a", {1: 2.0}), point("b", {2: 1.0}), point("empty", {})])
    [hit] = collection.search(query({1: 3.0}))
    assert hit.score == pytest.approx(3.0 * 2.0 * math.log((2 - 1 + 0.5) / (1 + 0.5) + 1))


def test_a_huge_space_costs_nothing(fingerprint: Fingerprint) -> None:
    collection = MemoryCollection(fingerprint.model_copy(update={"dimensions": MAX_DIMENSIONS}))
    vector = SparseVector.from_dict({MAX_DIMENSIONS - 2: 2.0}, MAX_DIMENSIONS)
    collection.upsert([Point("a", vector, {})])
    assert [hit.score for hit in collection.search(SearchRequest(vector))] == [4.0]
