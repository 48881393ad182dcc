from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_sdk.qdrant.base import Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.ranking import depth, engine_threshold, lowest_score, top
from splade_sdk.types import SparseVector

QUERY = SparseVector.from_dict({1: 1.0, 2: 1.0}, 8)
ULP = float(np.spacing(np.float32(1.0)))


class Fake:
    """An engine that breaks ties by the reverse order of ids."""

    def __init__(self, scores: dict[str, float], vectors: dict[str, SparseVector] | None = None):
        self.points = sorted(
            (ScoredPoint(each, score) for each, score in scores.items()),
            key=lambda p: (p.score, p.id),
            reverse=True,
        )
        self.vectors = vectors or {}
        self.asked: list[int] = []
        self.read_ids: list[str] = []

    def fetch(self, limit: int) -> list[ScoredPoint]:
        self.asked.append(limit)
        return self.points[:limit]

    def read(self, ids: Sequence[str]) -> list[Record]:
        self.read_ids = list(ids)
        return [Record(each, {}, self.vectors[each]) for each in ids]

    def top(self, request: SearchRequest, *, exact: bool = False) -> list[str]:
        first = self.fetch(depth(request))
        self.found = top(first, request, self.fetch, self.read if exact else None)
        return [point.id for point in self.found]


def test_a_clean_cut_needs_one_call() -> None:
    engine = Fake({"a": 3.0, "b": 2.0, "c": 1.0, "d": 0.5})
    assert engine.top(SearchRequest(QUERY, limit=2)) == ["a", "b"]
    assert engine.asked == [3]


def test_the_last_page_needs_one_call() -> None:
    engine = Fake({"a": 3.0, "b": 2.0})
    assert engine.top(SearchRequest(QUERY, limit=2, offset=1)) == ["b"]
    assert engine.asked == [4]


def test_a_cut_between_ties_fetches_until_it_is_clean() -> None:
    engine = Fake({f"t{n:02}": 1.0 for n in range(20)} | {"z": 0.5})
    assert engine.top(SearchRequest(QUERY, limit=3)) == ["t00", "t01", "t02"]
    assert engine.asked == [4, 8, 16, 32]


def test_endless_ties_stop() -> None:
    engine = Fake({f"t{n:05}": 1.0 for n in range(10_000)})
    assert len(engine.top(SearchRequest(QUERY, limit=3))) == 3
    assert engine.asked[-1] == 3 + 4096


def test_the_last_bit_is_settled_by_the_stored_vectors() -> None:
    # b and c are equal; the engine added b up in another order. a is better by more than rounding.
    twin = SparseVector.from_dict({1: 0.25, 2: 0.75}, 8)
    engine = Fake({"a": 1.1, "b": 1.0, "c": 1.0 + ULP, "d": 0.9}, {"b": twin, "c": twin})
    assert engine.top(SearchRequest(QUERY, limit=3), exact=True) == ["a", "b", "c"]
    assert engine.read_ids == ["c", "b"]
    assert [point.score for point in engine.found] == [1.1, 1.0, 1.0]


def test_the_cut_between_nearly_equal_scores_is_settled_too() -> None:
    twin = SparseVector.from_dict({1: 0.25, 2: 0.75}, 8)
    engine = Fake({"b": 1.0, "c": 1.0 + ULP}, {"b": twin, "c": twin})
    assert engine.top(SearchRequest(QUERY, limit=1), exact=True) == ["b"]


def test_exactly_equal_scores_need_no_vectors() -> None:
    engine = Fake({"b": 1.0, "c": 1.0})
    assert engine.top(SearchRequest(QUERY, limit=2), exact=True) == ["b", "c"]
    assert engine.read_ids == []


@given(st.floats(min_value=1e-30, max_value=1e38))
def test_a_score_equal_to_the_threshold_passes_a_strict_engine(threshold: float) -> None:
    sent = engine_threshold(threshold)
    lowest = lowest_score(threshold)
    assert sent is not None
    assert math.isfinite(sent)
    assert sent < lowest
    assert np.nextafter(np.float32(sent), np.float32(np.inf)) == lowest


def test_a_threshold_beyond_float32_is_one_no_score_meets() -> None:
    assert engine_threshold(1e39) == float(np.finfo(np.float32).max)


@pytest.mark.parametrize("threshold", [None, 0, -1.0, -1e300])
def test_no_threshold_is_sent_where_none_is_needed(threshold: float | None) -> None:
    assert engine_threshold(threshold) is None


def test_hits_below_the_threshold_are_dropped() -> None:
    engine = Fake({"a": 1.0, "b": 0.5})
    assert engine.top(SearchRequest(QUERY, score_threshold=0.75)) == ["a"]
    assert engine.top(SearchRequest(QUERY, score_threshold=1e39)) == []
