from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_sdk.qdrant import ranking
from splade_sdk.qdrant.base import ScoredPoint, SearchRequest
from splade_sdk.qdrant.ranking import search_all, top
from splade_sdk.qdrant.vectors import _engine_threshold as engine_threshold
from splade_sdk.qdrant.vectors import lowest_score
from splade_sdk.types import SparseVector

DENSE = np.array([1.0, 0.0], dtype=np.float32)
QUERY = SparseVector.from_dict({1: 1.0, 2: 1.0}, 8)
ULP = float(np.spacing(np.float32(1.0)))


class Fake:
    """An engine that breaks ties by the reverse order of ids."""

    def __init__(self, scores: dict[str, float]):
        self.points = sorted(
            (ScoredPoint(each, score, {"doc_id": each}) for each, score in scores.items()),
            key=lambda p: (p.score, p.id),
            reverse=True,
        )
        self.asked: list[int] = []

    def fetch(self, limit: int) -> list[ScoredPoint]:
        self.asked.append(limit)
        return self.points[:limit]

    def top(self, request: SearchRequest) -> list[str]:
        first = self.fetch(request.offset + request.limit + 1)
        self.found = top(first, request, self.fetch)
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


def test_ties_are_broken_by_the_document_not_by_the_point() -> None:
    points = [ScoredPoint("1", 1.0, {"doc_id": "b"}), ScoredPoint("2", 1.0, {"doc_id": "a"})]
    found = top(points, SearchRequest(QUERY, limit=2), lambda n: points[:n])
    assert [point.id for point in found] == ["2", "1"]


def test_endless_ties_stop() -> None:
    engine = Fake({f"t{n:05}": 1.0 for n in range(10_000)})
    assert len(engine.top(SearchRequest(QUERY, limit=3))) == 3
    assert engine.asked[-1] == 4096


class Unsteady(Fake):
    """Breaks ties by chance, differently for each number of hits."""

    def fetch(self, limit: int) -> list[ScoredPoint]:
        self.asked.append(limit)
        shuffled = random.Random(limit).sample(self.points, len(self.points))
        return sorted(shuffled, key=lambda point: -point.score)[:limit]


@pytest.mark.parametrize("engine_class", [Fake, Unsteady])
@pytest.mark.parametrize("page", [700, 1000, 4096])
def test_pages_through_a_large_block_of_ties_repeat_and_omit_nothing(
    engine_class: type[Fake], page: int
) -> None:
    # Ranks 101 to 9,100 tie: across the cuts at 4,096 and 8,192.
    scores = {f"a{n:05}": 3.0 - n / 1000 for n in range(100)}
    scores |= {f"t{n:05}": 1.0 for n in range(9_000)}
    scores |= {f"z{n:05}": 0.5 for n in range(500)}
    engine = engine_class(scores)
    found = [
        each
        for offset in range(0, 9_600, page)
        for each in engine.top(SearchRequest(QUERY, limit=page, offset=offset))
    ]
    assert len(found) == len(set(found)) == 9_600
    assert found[:100] == sorted(scores)[:100]
    assert found[9100:] == sorted(found[9100:])
    if engine_class is Fake:  # ties are in the order of ids within each block of its ranking
        for start, end in ((100, 4096), (4096, 8192), (8192, 9100)):
            assert found[start:end] == sorted(found[start:end])


@given(
    st.lists(st.sampled_from([1.0, 1.5, 2.0, 3.0]), max_size=60),
    st.integers(1, 17),
    st.booleans(),
)
def test_pages_always_make_up_the_whole(scores: list[float], page: int, steady: bool) -> None:
    engine = (Fake if steady else Unsteady)({f"d{n:02}": each for n, each in enumerate(scores)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_BLOCK", 16)
        found = [
            each
            for offset in range(0, len(scores) + page, page)
            for each in engine.top(SearchRequest(QUERY, limit=page, offset=offset))
        ]
    by_id = {point.id: point.score for point in engine.points}
    assert sorted(found) == sorted(by_id)
    assert [by_id[each] for each in found] == sorted(by_id.values(), reverse=True)
    if len(scores) <= 16:
        assert found == sorted(by_id, key=lambda each: (-by_id[each], each))


def test_a_clean_cut_between_blocks_needs_no_other_fetch() -> None:
    engine = Fake({f"t{n:05}": 10_000.0 - n for n in range(9_000)})
    assert engine.top(SearchRequest(QUERY, limit=2, offset=5000)) == ["t05000", "t05001"]
    assert engine.asked == [5003]


def test_searches_that_cannot_find_anything_are_not_sent() -> None:
    engine = Fake({"a": 1.0})
    asked = []

    def ask(given: Sequence[tuple[SearchRequest, int]]) -> list[list[ScoredPoint]]:
        asked.append(len(given))
        return [engine.fetch(limit) for _, limit in given]

    nothing = SearchRequest(SparseVector.empty(8))
    dense = SearchRequest(np.ones(3, dtype=np.float32))
    found = search_all([nothing, SearchRequest(QUERY), nothing, dense], ask, lambda: 1)
    assert [[point.id for point in points] for points in found] == [[], ["a"], [], ["a"]]
    assert search_all([nothing], ask, lambda: 1) == [[]]
    assert asked == [2]


def test_scores_that_differ_by_rounding_are_one_score() -> None:
    # b and c are equal; the engine added b up in another order. a is better by more than rounding.
    engine = Fake({"a": 1.1, "b": 1.0, "c": 1.0 + ULP, "d": 0.9})
    assert engine.top(SearchRequest(QUERY, limit=3)) == ["a", "b", "c"]
    assert [point.score for point in engine.found] == [1.1, 1.0 + ULP, 1.0 + ULP]
    assert engine.asked == [4]


def test_the_cut_between_nearly_equal_scores_is_settled_too() -> None:
    engine = Fake({"b": 1.0, "c": 1.0 + ULP, "d": 0.5})
    assert engine.top(SearchRequest(QUERY, limit=1)) == ["b"]


def test_a_run_of_nearly_equal_scores_is_not_cut() -> None:
    # Each is within the rounding of the next one, the first and the last are not.
    scores = {f"d{n:02}": 1.0 + 1e-6 * n for n in range(8)}
    engine = Fake({**scores, "z": 0.5})
    assert engine.top(SearchRequest(QUERY, limit=3)) == ["d00", "d01", "d02"]
    assert [point.score for point in engine.found] == [1.0 + 7e-6] * 3


def test_nearly_equal_scores_of_dense_vectors_are_different() -> None:
    engine = Fake({"b": 1.0, "c": 1.0 + ULP})
    assert engine.top(SearchRequest(DENSE, limit=2)) == ["c", "b"]


def test_no_page_lies_deeper_than_there_are_points() -> None:
    engine = Fake({f"d{n}": 5.0 - n for n in range(3)})

    def ask(given: Sequence[tuple[SearchRequest, int]]) -> list[list[ScoredPoint]]:
        return [engine.fetch(limit) for _, limit in given]

    deep = SearchRequest(QUERY, limit=5, offset=2**63 - 1)
    wide = SearchRequest(QUERY, limit=2**53, offset=1)
    found = search_all([deep, wide], ask, lambda: 3)
    assert [[point.id for point in points] for points in found] == [[], ["d1", "d2"]]
    assert max(engine.asked) <= 4


@given(st.floats(min_value=1e-30, max_value=1e38), st.booleans())
def test_a_score_equal_to_the_threshold_passes_a_strict_engine(
    threshold: float, negative: bool
) -> None:
    if negative:
        request = SearchRequest(DENSE, score_threshold=-threshold)
    else:
        request = SearchRequest(QUERY, score_threshold=threshold)
    sent = engine_threshold(request)
    assert request.score_threshold is not None
    lowest = lowest_score(request.score_threshold)
    assert sent is not None
    assert math.isfinite(sent)
    assert sent < lowest
    assert np.nextafter(np.float32(sent), np.float32(np.inf)) == lowest


def test_a_threshold_beyond_float32_is_one_no_score_meets() -> None:
    sent = engine_threshold(SearchRequest(QUERY, score_threshold=1e39))
    assert sent == float(np.finfo(np.float32).max)


@pytest.mark.parametrize("threshold", [None, 0, -1.0, -1e300])
def test_no_threshold_is_sent_where_none_is_needed(threshold: float | None) -> None:
    assert engine_threshold(SearchRequest(QUERY, score_threshold=threshold)) is None


@pytest.mark.parametrize("threshold", [None, -1e300])
def test_a_dense_search_needs_none_only_below_all_of_float32(threshold: float | None) -> None:
    assert engine_threshold(SearchRequest(DENSE, score_threshold=threshold)) is None


def test_hits_below_the_threshold_are_dropped() -> None:
    engine = Fake({"a": 1.0, "b": 0.5})
    assert engine.top(SearchRequest(QUERY, score_threshold=0.75)) == ["a"]
    assert engine.top(SearchRequest(QUERY, score_threshold=1e39)) == []
