"""Carries out searches: asks the engine for every leg of every query, fuses, and reads the hits.

The legs of up to 128 queries go to the engine in one request, which brings back document ids and
scores only; the hits that are left after fusing are read in a second one, which is as small as the
page. A search by one leg needs no second request, unless it skips hits.

Fusing here, instead of by the engine, is what lets a hit give its rank and score in each leg, ties
be broken by the document's id, a weight of 0 mean 0, and a batch of any fusions be one request. The
engine's own fusion would be one request with as small an answer, but gives none of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from splade_sdk.qdrant.base import Collection, PayloadFields, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.payload import document_ids, document_parts, payload_path
from splade_sdk.qdrant.ranking import tied_window
from splade_sdk.retrieval.search.fusion import Fusion
from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings
from splade_sdk.retrieval.search.query import LegQueries, LegQuery
from splade_sdk.types import Explanation, Hit, Leg

__all__ = ["Candidate", "Job", "rank", "read_hits", "search"]

_QUERIES_A_REQUEST = 128  # bounds the size of requests and answers

# The options that the engine itself carries out go to it as they are.
_ENGINE_OPTIONS = [
    each.name for each in fields(SearchRequest) if each.name in SearchOptions.model_fields
]


class Job(NamedTuple):
    """One query with all that says how to answer it.

    Attributes:
        query: Its legs.
        options: What the call asked for.
        settings: What is done where it did not.
    """

    query: LegQueries
    options: SearchOptions
    settings: SearchSettings

    @property
    def fusion(self) -> Fusion:
        """How the legs are fused."""
        return self.options.fusion or self.settings.fusion

    @property
    def prefetch(self) -> int:
        """Hits that each leg of a fused search fetches."""
        return self.options.prefetch(self.settings)

    @property
    def partial(self) -> bool:
        """Whether hits are read without some of their payload."""
        return self.options.with_payload is not True

    @property
    def payload_fields(self) -> PayloadFields:
        """What is read of the payload of a hit; its document id always."""
        given = self.options.with_payload
        if isinstance(given, bool):
            return given or ()
        return tuple(map(payload_path, given))

    def changed(self, **options: Any) -> Job:
        """Return the job with other options."""
        return self._replace(options=self.options.model_copy(update=options))

    def requests(self, *, complete: bool, fields: PayloadFields) -> list[SearchRequest]:
        """Return what to ask the engine for, leg by leg.

        Args:
            complete: Let it return all that a hit needs.
            fields: What it returns of payloads otherwise.
        """
        engine = {name: getattr(self.options, name) for name in _ENGINE_OPTIONS}
        engine["with_payload"] = self.payload_fields if complete else fields
        engine["with_vectors"] = self.options.with_vectors and complete
        if self.query.fused:
            engine |= {"limit": self.prefetch, "offset": 0}
        return [
            SearchRequest(
                leg.vector,
                using=leg.spec.vector,
                **{**engine, **self._of_leg(leg)},
            )
            for leg in self.query.legs
        ]

    def _of_leg(self, leg: LegQuery) -> dict[str, Any]:
        thresholds = [
            (self.options.leg_thresholds or {}).get(leg.spec.name),
            None if self.query.fused else self.options.score_threshold,
        ]
        return {
            "score_threshold": max((each for each in thresholds if each is not None), default=None),
            "two_step": self.options.two_step if leg.spec.kind == "sparse" else None,
        }


class Candidate(NamedTuple):
    """A document that was found.

    Attributes:
        point: What the engine returned of it.
        score: What candidates are ordered by.
        legs: Rank and score in each leg that found it, by the leg's name.
    """

    point: ScoredPoint
    score: float
    legs: Mapping[str, Leg]


def search(
    collection: Collection,
    jobs: Sequence[Job],
    explainers: Iterable[Callable[[Hit], Explanation]] = (),
) -> list[list[Hit]]:
    """Answer queries, in order.

    Args:
        collection: Where to look.
        jobs: The queries.
        explainers: What explains the hits of each query.
    """
    found = [
        hits
        for start in range(0, len(jobs), _QUERIES_A_REQUEST)
        for hits in _search(collection, jobs[start : start + _QUERIES_A_REQUEST])
    ]
    for hits, explainer in zip(found, explainers, strict=False):
        for hit in hits:
            hit._found_by(explainer)
    return found


def _search(collection: Collection, jobs: Sequence[Job]) -> list[list[Hit]]:
    at_once = not any(job.query.fused or job.options.offset for job in jobs)
    rankings = rank(collection, jobs, complete=at_once)
    if at_once:
        return [
            _hits(page, [each.point for each in page], partial=job.partial)
            for job, page in zip(jobs, rankings, strict=True)
        ]
    pages = [_page(job, ranking) for job, ranking in zip(jobs, rankings, strict=True)]
    return read_hits(collection, pages, jobs[0])


def _page(job: Job, ranking: Sequence[Candidate]) -> Sequence[Candidate]:
    """Cut the page of a fused ranking that was asked for, ties by the document's id."""
    if not job.query.fused:
        return ranking
    start, end = job.options.offset, job.options.offset + job.options.limit
    first, last = tied_window([each.score for each in ranking], start, end)
    window = ranking[first:last]
    ids = document_ids([each.point.payload for each in window])
    order = sorted(range(len(window)), key=lambda at: (-window[at].score, ids[at]))
    return [window[at] for at in order[start - first : end - first]]


def rank(
    collection: Collection,
    jobs: Sequence[Job],
    *,
    complete: bool = False,
    fields: PayloadFields = (),
) -> list[list[Candidate]]:
    """Return what each query finds, the best first: the page of one leg, or all of fused legs.

    Documents of equal fused score are in no order yet.

    Args:
        collection: Where to look.
        jobs: The queries.
        complete: Let the engine return what a hit needs at once.
        fields: What it returns of payloads otherwise, beside document ids.
    """
    requests = [each for job in jobs for each in job.requests(complete=complete, fields=fields)]
    answers = iter(collection.search_batch(requests))
    return [_ranking(job, answers) for job in jobs]


def read_hits(
    collection: Collection, found: Sequence[Sequence[Candidate]], job: Job
) -> list[list[Hit]]:
    """Return the hits of candidates, all that they need read in one request.

    A document that has been deleted since it was found is left out.

    Args:
        collection: Where they lie.
        found: Any number of lists of candidates.
        job: Says what to read of each.
    """
    ids = {each.point.id: None for candidates in found for each in candidates}
    if not ids:
        return [[] for _ in found]
    records = collection.get(
        list(ids), with_payload=job.payload_fields, with_vectors=job.options.with_vectors
    )
    read = {record.id: record for record in records}
    there = [[each for each in page if each.point.id in read] for page in found]
    return [
        _hits(page, [read[each.point.id] for each in page], partial=job.partial) for page in there
    ]


def _hits(
    page: Sequence[Candidate], stored: Sequence[Record | ScoredPoint], *, partial: bool
) -> list[Hit]:
    """Return the hits of a page, given what was read of each."""
    parts = document_parts([each.payload for each in stored], partial=partial)
    return [
        Hit(document_id, candidate.score, text, metadata, read.vector, candidate.legs, read.dense)
        for candidate, read, (document_id, text, metadata) in zip(page, stored, parts, strict=True)
    ]


def _ranking(job: Job, answers: Iterator[list[ScoredPoint]]) -> list[Candidate]:
    found = {leg.spec.name: next(answers) for leg in job.query.legs}
    if job.query.fused:
        lowest = job.options.score_threshold
        candidates = _fused(found, job.fusion)
        return [each for each in candidates if lowest is None or each.score >= lowest]
    return [
        Candidate(point, point.score, {name: Leg(job.options.offset + at, point.score)})
        for name, points in found.items()
        for at, point in enumerate(points, start=1)
    ]


def _fused(found: Mapping[str, list[ScoredPoint]], fusion: Fusion) -> list[Candidate]:
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
