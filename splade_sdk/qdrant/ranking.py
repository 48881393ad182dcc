"""One order for every engine: highest score first, ties by document id; pure.

Engines break ties as they please, and add up float32 products in an order that depends on where
a point is stored, so that equal documents may differ in the last bit. Both are mended here: hits
are fetched until the cut does not fall between (nearly) equal scores, and nearly equal scores are
computed again, in float64.

That would fetch everything where everything ties. So the engine's own ranking is cut into blocks
of 4,096, and documents that tie across such a cut are in the order of ids only within their block.
The cuts do not depend on the page that is asked for, so that pages never repeat or omit one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np

from splade_sdk.qdrant.base import Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.payload import document_id
from splade_sdk.types import SparseBatch, SparseVector

__all__ = ["Read", "engine_threshold", "lowest_score", "search_all", "tied_window", "top"]

_ROUNDING = 2e-6  # relative error of a float32 sum of some 30 products, generously
_BLOCK = 4096

Ask = Callable[[Sequence[tuple[SearchRequest, int]]], list[list[ScoredPoint]]]
Fetch = Callable[[int], list[ScoredPoint]]


class Read(Protocol):
    """Reads points with at least their document ids."""

    def __call__(self, ids: Sequence[str], *, with_vectors: bool) -> list[Record]:
        """Return those that exist."""


def search_all(
    requests: Sequence[SearchRequest], ask: Ask, read: Read, *, exact: bool
) -> list[list[ScoredPoint]]:
    """Answer searches by an engine that breaks ties as it pleases.

    Args:
        requests: What is asked for.
        ask: Returns the engine's best n hits of each request, in one call.
        read: Reads points that tie.
        exact: Whether scores of sparse vectors are the plain inner products of what is stored, so
            that nearly equal ones can be computed again.
    """
    asked = [request for request in requests if not _is_empty(request)]
    found = ask([(request, _depth(request)) for request in asked]) if asked else []

    def fetch(request: SearchRequest, limit: int) -> list[ScoredPoint]:
        return ask([(request, limit)])[0]

    pages = iter(
        [
            top(points, request, partial(fetch, request), read, exact=exact)
            for request, points in zip(asked, found, strict=True)
        ]
    )
    return [[] if _is_empty(request) else next(pages) for request in requests]


def top(
    first: list[ScoredPoint], request: SearchRequest, fetch: Fetch, read: Read, *, exact: bool
) -> list[ScoredPoint]:
    """Return the page of hits that was asked for, in the one order.

    Args:
        first: The engine's best hits, one more than up to the end of the page: that shows whether
            the cut is clean.
        request: What was asked for.
        fetch: Returns the engine's best n hits; called where a cut falls between ties.
        read: Reads points that tie; see ``search_all``.
        exact: Whether nearly equal scores of sparse vectors can be computed again.
    """
    wanted = request.offset + request.limit
    asked, points = _depth(request), first
    end = -(-wanted // _BLOCK) * _BLOCK
    query = request.vector if exact and isinstance(request.vector, SparseVector) else None
    rounding = 0.0 if query is None else _ROUNDING
    while asked != end and len(points) >= asked and _tie(points[wanted - 1], points[-1], rounding):
        asked = min(asked * 2, end)
        points = fetch(asked)
    points, blocks = _with_earlier_blocks(points, wanted, fetch, rounding)
    if query is not None:
        points = _settled(points, query, read)
    if request.score_threshold is not None:
        lowest = lowest_score(request.score_threshold)
        points = [point for point in points if point.score >= lowest]

    def place(point: ScoredPoint) -> tuple[int, float]:
        return blocks.get(point.id, 0), -point.score

    points = sorted(points, key=place)
    places = [place(point) for point in points]
    start, stop = tied_window(places, request.offset, wanted)
    window = list(zip(places[start:stop], points[start:stop], strict=True))
    names = {point.id: document_id(point.payload) for _, point in window}
    if request.with_payload is False:
        names |= _names_of_tied(window, read)
    # The point's own id is for points of other programs, which have no document id.
    page = sorted(window, key=lambda each: (each[0], names[each[1].id], each[1].id))
    return [point for _, point in page[request.offset - start : wanted - start]]


def tied_window(places: Sequence[object], start: int, stop: int) -> tuple[int, int]:
    """Return a slice widened so that it cuts no run of equal places apart.

    Args:
        places: What is ordered by, in order.
        start: Of the slice.
        stop: Of the slice.
    """
    start, stop = min(start, len(places)), min(stop, len(places))
    if start == stop:
        return start, stop
    while start > 0 and places[start - 1] == places[start]:
        start -= 1
    while stop < len(places) and places[stop] == places[stop - 1]:
        stop += 1
    return start, stop


def _names_of_tied(window: Sequence[tuple[object, ScoredPoint]], read: Read) -> dict[str, str]:
    """Return the document ids of the points that tie; those of others make no difference."""
    tied = {
        point.id
        for (place, one), (next_place, other) in pairwise(window)
        if place == next_place
        for point in (one, other)
    }
    records = read(sorted(tied), with_vectors=False) if tied else []
    return {record.id: document_id(record.payload) for record in records}


def _with_earlier_blocks(
    points: list[ScoredPoint], wanted: int, fetch: Fetch, rounding: float
) -> tuple[list[ScoredPoint], dict[str, int]]:
    """Return the points with those of earlier blocks, and how many tied cuts lie before each."""
    candidates = {point.id: point for point in points}
    blocks: dict[str, int] = {}
    earlier: set[str] = set()
    tied_cuts = 0
    for cut in range(_BLOCK, wanted, _BLOCK):
        if cut < len(points) and _tie(points[cut - 1], points[cut], rounding):
            before = {point.id: point for point in fetch(cut)}
            candidates |= before
            earlier |= before.keys()
            tied_cuts += 1
            blocks |= dict.fromkeys(candidates.keys() - earlier, tied_cuts)
    return sorted(candidates.values(), key=lambda point: -point.score), blocks


def lowest_score(score_threshold: float) -> np.float32:
    """Return a threshold as scores are: in float32, infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return np.float32(score_threshold)


def engine_threshold(request: SearchRequest) -> float | None:
    """Return the threshold to send so that an engine that wants more than it takes equality too.

    This is the float32 just below the one asked for. All scores of sparse vectors are > 0, so that
    nothing needs to be sent for a lower one.
    """
    threshold = request.score_threshold
    if threshold is None or (threshold <= 0 and isinstance(request.vector, SparseVector)):
        return None
    below = np.nextafter(lowest_score(threshold), np.float32(-np.inf))
    return None if np.isneginf(below) else float(below)


def _is_empty(request: SearchRequest) -> bool:
    return isinstance(request.vector, SparseVector) and not len(request.vector)


def _depth(request: SearchRequest) -> int:
    return request.offset + request.limit + 1


def _tie(better: ScoredPoint, worse: ScoredPoint, rounding: float) -> bool:
    return worse.score >= better.score * (1 - rounding)


def _settled(points: list[ScoredPoint], query: SparseVector, read: Read) -> list[ScoredPoint]:
    """Return the points with nearly equal scores computed again in float64."""
    scores = np.array([point.score for point in points])
    near = scores[1:] >= scores[:-1] * (1 - _ROUNDING)
    if not (near & (scores[1:] != scores[:-1])).any():
        return points
    doubtful = np.zeros(len(points), dtype=bool)
    doubtful[:-1] |= near
    doubtful[1:] |= near
    ids = [points[at].id for at in np.flatnonzero(doubtful)]
    records = read(ids, with_vectors=True)
    found = [(record.id, record.vector) for record in records if record.vector is not None]
    stored = SparseBatch.from_vectors([vector for _, vector in found], query.dimensions)
    exact = stored.dot(SparseBatch.from_vectors([query]))[:, 0].astype(np.float32)
    again = dict(zip((each for each, _ in found), exact.tolist(), strict=True))
    return [replace(point, score=again.get(point.id, point.score)) for point in points]
