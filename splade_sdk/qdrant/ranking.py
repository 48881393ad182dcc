"""One order for every engine: highest score first, ties by document id; pure.

Engines break ties as they please, and add up float32 products in an order that depends on where
a point is stored, so that equal documents may differ in the last bits. So sparse scores that follow
each other within the rounding of such a sum count as one score, the highest of them; and hits are
fetched until the cut does not fall between ties. What settles ties comes with the hits: nothing is
read for it.

That would fetch everything where everything ties. So the engine's own ranking is cut into blocks
of 4,096, and documents that tie across such a cut are in the order of ids only within their block.
The cuts do not depend on the page that is asked for, so that pages never repeat or omit one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from splade_sdk.qdrant.base import ScoredPoint, SearchRequest
from splade_sdk.qdrant.payload import document_id
from splade_sdk.qdrant.vectors import lowest_score
from splade_sdk.types import SparseVector

__all__ = [
    "search_all",
    "settled",
    "tied_window",
    "top",
    "within_rounding",
]

_ROUNDING = 2e-6  # relative error of a float32 sum of some 30 products, generously
_BLOCK = 4096

Ask = Callable[[Sequence[tuple[SearchRequest, int]]], list[list[ScoredPoint]]]
Fetch = Callable[[int], list[ScoredPoint]]


def search_all(
    requests: Sequence[SearchRequest], ask: Ask, count: Callable[[], int]
) -> list[list[ScoredPoint]]:
    """Answer searches by an engine that breaks ties as it pleases.

    Args:
        requests: What is asked for.
        ask: Returns the engine's best n hits of each request, in one call, with their document ids.
        count: Returns how many points there are; called for pages that lie deep.
    """
    bounded = _bounded([each for each in requests if not _is_empty(each)], count)
    queries = [each for each in bounded if each is not None]
    answers = iter(ask([(each, _depth(each)) for each in queries]) if queries else [])

    def fetch(request: SearchRequest, limit: int) -> list[ScoredPoint]:
        return ask([(request, limit)])[0]

    pages = iter(
        [[] if each is None else top(next(answers), each, partial(fetch, each)) for each in bounded]
    )
    return [[] if _is_empty(request) else next(pages) for request in requests]


def top(first: list[ScoredPoint], request: SearchRequest, fetch: Fetch) -> list[ScoredPoint]:
    """Return the page of hits that was asked for, in the one order.

    Args:
        first: The engine's best hits, one more than up to the end of the page: that shows whether
            the cut is clean.
        request: What was asked for.
        fetch: Returns the engine's best n hits; called where a cut falls between ties.
    """
    wanted = request.offset + request.limit
    depth, points = _depth(request), first
    end = -(-wanted // _BLOCK) * _BLOCK
    rounding = _rounding(request)
    while depth != end and len(points) >= depth and _ties(points[wanted - 1 :], rounding).all():
        depth = min(depth * 2, end)
        points = fetch(depth)
    points, blocks = _with_earlier_blocks(points, wanted, fetch, rounding)
    if request.score_threshold is not None:
        lowest = lowest_score(request.score_threshold)
        points = [point for point in points if point.score >= lowest]
    if not blocks:
        return _page(settled(points, rounding), request)
    runs: dict[int, list[ScoredPoint]] = {}
    for point in points:
        runs.setdefault(blocks.get(point.id, 0), []).append(point)
    in_order = [point for block in sorted(runs) for point in settled(runs[block], rounding)]
    return _page(in_order, request)


def _page(points: list[ScoredPoint], request: SearchRequest) -> list[ScoredPoint]:
    """Cut the page, without the document ids where no payload is wanted."""
    page = points[request.offset : request.offset + request.limit]
    if request.with_payload is False:
        return [replace(point, payload={}) for point in page]
    return page


def settled(points: list[ScoredPoint], rounding: float = _ROUNDING) -> list[ScoredPoint]:
    """Return points in the one order, given the best first: each run of ties by document id.

    Args:
        points: Best first; ties in any order.
        rounding: Share of a score within which the next one ties with it.
    """
    if not points:
        return points
    ties = _ties(points, rounding)
    if not ties.any():
        return points
    ends = [*(np.flatnonzero(~ties) + 1).tolist(), len(points)]
    made: list[ScoredPoint] = []
    start = 0
    for end in ends:
        run = points[start:end]
        if len(run) > 1:
            highest = run[0].score
            # The point's own id is for points of other programs, which have no document id.
            run = sorted(run, key=lambda point: (document_id(point.payload), point.id))
            run = [
                point if point.score == highest else replace(point, score=highest) for point in run
            ]
        made += run
        start = end
    return made


def within_rounding(better: float, worse: float) -> bool:
    """Tell whether two scores of sparse vectors, the second not above the first, count as one."""
    return better - worse <= abs(better) * _ROUNDING


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


def _bounded(
    requests: Sequence[SearchRequest], count: Callable[[], int]
) -> list[SearchRequest | None]:
    """Return requests that go no deeper than there are points; None for what lies below all."""
    if all(each.offset + each.limit <= _BLOCK for each in requests):
        return list(requests)
    most = count()
    return [
        replace(each, limit=min(each.limit, most - each.offset)) if each.offset < most else None
        for each in requests
    ]


def _with_earlier_blocks(
    points: list[ScoredPoint], wanted: int, fetch: Fetch, rounding: float
) -> tuple[list[ScoredPoint], dict[str, int]]:
    """Return the points with those of earlier blocks, and how many tied cuts lie before each."""
    candidates = {point.id: point for point in points}
    blocks: dict[str, int] = {}
    earlier: set[str] = set()
    tied_cuts = 0
    for cut in range(_BLOCK, min(wanted, len(points)), _BLOCK):
        if _ties(points[cut - 1 : cut + 1], rounding).all():
            before = {point.id: point for point in fetch(cut)}
            candidates |= before
            earlier |= before.keys()
            tied_cuts += 1
            blocks |= dict.fromkeys(candidates.keys() - earlier, tied_cuts)
    if not tied_cuts:
        return points, blocks
    return sorted(candidates.values(), key=lambda point: -point.score), blocks


def _is_empty(request: SearchRequest) -> bool:
    return isinstance(request.vector, SparseVector) and not request.vector.indices.size


def _depth(request: SearchRequest) -> int:
    return request.offset + request.limit + 1


def _rounding(request: SearchRequest) -> float:
    """Return within what share of a score two count as equal; dense ones must be equal."""
    return _ROUNDING if isinstance(request.vector, SparseVector) else 0.0


def _ties(points: Sequence[ScoredPoint], rounding: float) -> NDArray[np.bool_]:
    """Return which points tie with the next one. Shape: ``(len(points) - 1,)``."""
    scores = np.array([point.score for point in points])
    ties: NDArray[np.bool_] = scores[:-1] - scores[1:] <= np.abs(scores[:-1]) * rounding
    return ties
