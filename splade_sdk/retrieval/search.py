"""Carries out searches: asks the engine for every leg of every query, fuses, and reads the hits.

The legs of up to 128 queries go to the engine in one call, which brings back ids and scores only;
the hits that are left after fusing are read in a second one, which is as small as the page. A
search by one leg needs no second call, unless it skips hits.

Fusing here, instead of by the engine, is what lets a hit tell its rank and score in each leg, ties
be broken by the document's id, a weight of 0 mean 0, and a batch of any fusions be one call. The
engine's own fusion would be one call with as small an answer, but tells none of that; asked for
beside the legs, it would search them twice. In the embedded engine, at 20,000 documents and 384
dimensions, p50 was 2.5 ms, and 1.6 ms for the engine's own fusion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from splade_sdk.qdrant.base import Collection, PayloadFields, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.ranking import tied_window
from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.retrieval.fusion import RRF, Fusion, LegName
from splade_sdk.retrieval.query_vectors import Asked
from splade_sdk.retrieval.results import to_hit
from splade_sdk.types import Hit, Leg

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["Candidate", "SearchOptions", "rank", "read_hits", "search"]

_LEAST_PREFETCH = 100
_PREFETCH_A_HIT = 4
_QUERIES_A_CALL = 128  # bounds the size of requests and answers


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How to search; see ``Retriever.search``."""

    limit: int = 10
    offset: int = 0
    filter: models.Filter | None = None
    fusion: Fusion = field(default_factory=RRF)
    prefetch_limit: int | None = None
    score_threshold: float | None = None
    leg_thresholds: Mapping[LegName, float] = field(default_factory=dict)
    with_payload: PayloadFields = True
    with_vectors: bool = False
    two_step: TwoStep | None = None

    @property
    def prefetch(self) -> int:
        """Hits that each leg of a fused search fetches.

        By default max(100, 4 · limit), so that all pages up to the hundredth hit are cut from one
        ranking; further down as many as the page needs.
        """
        if self.prefetch_limit is not None:
            return self.prefetch_limit
        return max(_LEAST_PREFETCH, _PREFETCH_A_HIT * self.limit, self.offset + self.limit)


class Candidate(NamedTuple):
    """A document that was found.

    Attributes:
        point: What the engine returned of it.
        score: What candidates are ordered by.
        legs: Rank and score in each leg that found it.
    """

    point: ScoredPoint
    score: float
    legs: Mapping[str, Leg]

    def hit(self, stored: Record | ScoredPoint, *, partial: bool) -> Hit:
        """Return the hit, given what was read of its point."""
        return to_hit(stored, self.score, self.legs, partial=partial)


def search(
    collection: Collection, asked: Sequence[Asked], options: SearchOptions
) -> list[list[Hit]]:
    """Answer queries, in order.

    Args:
        collection: Where to look.
        asked: The vectors of each query.
        options: The rest.
    """
    return [
        hits
        for start in range(0, len(asked), _QUERIES_A_CALL)
        for hits in _search(collection, asked[start : start + _QUERIES_A_CALL], options)
    ]


def _search(
    collection: Collection, asked: Sequence[Asked], options: SearchOptions
) -> list[list[Hit]]:
    at_once = options.offset == 0 and not any(query.fused for query in asked)
    rankings = rank(collection, [(query, options) for query in asked], complete=at_once)
    if at_once:
        partial = options.with_payload is not True
        return [[each.hit(each.point, partial=partial) for each in page] for page in rankings]
    windows = [
        _Window.cut(ranking, options) if query.fused else _Window(ranking, 0)
        for query, ranking in zip(asked, rankings, strict=True)
    ]
    found = read_hits(collection, [window.candidates for window in windows], options)
    return [
        sorted(hits, key=_order)[window.skipped :][: options.limit] if query.fused else hits
        for query, window, hits in zip(asked, windows, found, strict=True)
    ]


def _order(hit: Hit) -> tuple[float, str]:
    return -hit.score, hit.id


def rank(
    collection: Collection,
    jobs: Sequence[tuple[Asked, SearchOptions]],
    *,
    complete: bool = False,
    fields: PayloadFields = False,
) -> list[list[Candidate]]:
    """Return what each query finds, the best first: the page of one leg, or all of fused legs.

    Documents of equal fused score are in no order yet.

    Args:
        collection: Where to look.
        jobs: The vectors of each query, and how to search by them.
        complete: Let the engine return what a hit needs at once.
        fields: What it returns of payloads otherwise, beside ids and scores.
    """
    requests = [
        SearchRequest(
            vector,
            limit=options.prefetch if query.fused else options.limit,
            offset=0 if query.fused else options.offset,
            filter=options.filter,
            score_threshold=_leg_threshold(query, leg, options),
            with_payload=(options.with_payload or ()) if complete else fields,
            with_vectors=options.with_vectors and complete,
            two_step=options.two_step if leg == "sparse" else None,
        )
        for query, options in jobs
        for leg, vector in query.legs.items()
    ]
    answers = iter(collection.search_batch(requests))
    return [_ranking(query, answers, options) for query, options in jobs]


def read_hits(
    collection: Collection, found: Sequence[Sequence[Candidate]], options: SearchOptions
) -> list[list[Hit]]:
    """Return the hits of candidates, all that they need read in one call.

    A document that has been deleted since it was found is left out.

    Args:
        collection: Where they lie.
        found: Any number of lists of candidates.
        options: What to read of each.
    """
    ids = {each.point.id: None for candidates in found for each in candidates}
    if not ids:
        return [[] for _ in found]
    records = collection.get(
        list(ids), with_payload=options.with_payload or (), with_vectors=options.with_vectors
    )
    read = {record.id: record for record in records}
    partial = options.with_payload is not True
    return [
        [
            each.hit(read[each.point.id], partial=partial)
            for each in candidates
            if each.point.id in read
        ]
        for candidates in found
    ]


class _Window(NamedTuple):
    """Candidates around a page: none that ties with one of them is left out.

    Attributes:
        candidates: In order, but for ties.
        skipped: How many of them come before the page.
    """

    candidates: Sequence[Candidate]
    skipped: int

    @classmethod
    def cut(cls, ranking: Sequence[Candidate], options: SearchOptions) -> _Window:
        """Cut the page of a fused ranking that was asked for."""
        start, stop = tied_window(
            [each.score for each in ranking], options.offset, options.offset + options.limit
        )
        return cls(ranking[start:stop], options.offset - start)


def _leg_threshold(query: Asked, leg: LegName, options: SearchOptions) -> float | None:
    thresholds = [options.leg_thresholds.get(leg), None if query.fused else options.score_threshold]
    return max((each for each in thresholds if each is not None), default=None)


def _ranking(
    query: Asked, answers: Iterator[list[ScoredPoint]], options: SearchOptions
) -> list[Candidate]:
    found = {leg: next(answers) for leg in query.legs}
    if query.fused:
        lowest = options.score_threshold
        candidates = _fused(found, options.fusion)
        return [each for each in candidates if lowest is None or each.score >= lowest]
    return [
        Candidate(point, point.score, {leg: Leg(options.offset + at, point.score)})
        for leg, points in found.items()
        for at, point in enumerate(points, start=1)
    ]


def _fused(found: Mapping[LegName, list[ScoredPoint]], fusion: Fusion) -> list[Candidate]:
    """Return all that the legs found, the best first."""
    points: dict[str, ScoredPoint] = {}
    legs: dict[str, dict[str, Leg]] = {}
    for leg, ranking in found.items():
        for at, point in enumerate(ranking, start=1):
            points.setdefault(point.id, point)
            legs.setdefault(point.id, {})[leg] = Leg(at, point.score)
    scores = fusion.fuse(
        {leg: [(point.id, point.score) for point in ranking] for leg, ranking in found.items()}
    )
    candidates = (Candidate(points[each], score, legs[each]) for each, score in scores.items())
    return sorted(candidates, key=lambda each: -each.score)
