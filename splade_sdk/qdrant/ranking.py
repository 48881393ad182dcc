"""One order for every engine: highest score first, ties by id, thresholds inclusive; pure.

Engines break ties as they please, and add up float32 products in an order that depends on where
a point is stored, so that equal documents may differ in the last bit. Both are mended here: hits
are fetched until the cut does not fall between (nearly) equal scores, and nearly equal scores are
computed again, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from splade_sdk.errors import InvalidVectorError
from splade_sdk.qdrant.base import Record, ScoredPoint, SearchRequest
from splade_sdk.types import SparseBatch, SparseVector

__all__ = ["depth", "engine_threshold", "lowest_score", "require_space", "top"]

_ROUNDING = 2e-6  # relative error of a float32 sum of some 30 products, generously
_MAX_EXTRA = 4096  # hits fetched beyond the wanted ones to settle ties, at most

Fetch = Callable[[int], list[ScoredPoint]]
Read = Callable[[Sequence[str]], list[Record]]


def depth(request: SearchRequest) -> int:
    """Return how many hits to fetch first: one more than wanted shows whether the cut is clean."""
    return request.offset + request.limit + 1


def top(
    first: list[ScoredPoint], request: SearchRequest, fetch: Fetch, read: Read | None
) -> list[ScoredPoint]:
    """Return the page of hits that was asked for, in the one order.

    Args:
        first: The engine's best ``depth(request)`` hits.
        request: What was asked for.
        fetch: Returns the engine's best n hits; called where the cut falls between ties.
        read: Returns points with their vectors, so that nearly equal scores can be computed
            again; None where the score is not the plain inner product of what is stored.

    Note:
        Where more than some thousand points tie with the last wanted one, the engine's own order
        decides which of them are seen.
    """
    wanted = request.offset + request.limit
    asked, points = depth(request), first
    rounding = _ROUNDING if read else 0.0
    while (
        len(points) >= asked
        and points[-1].score >= points[wanted - 1].score * (1 - rounding)
        and asked < wanted + _MAX_EXTRA
    ):
        asked = min(asked * 2, wanted + _MAX_EXTRA)
        points = fetch(asked)
    if read:
        points = _settled(points, request.vector, read)
    if request.score_threshold is not None:
        lowest = lowest_score(request.score_threshold)
        points = [point for point in points if point.score >= lowest]
    return sorted(points, key=_order)[request.offset : wanted]


def lowest_score(score_threshold: float) -> np.float32:
    """Return a threshold as scores are: in float32, infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return np.float32(score_threshold)


def engine_threshold(score_threshold: float | None) -> float | None:
    """Return the threshold to send so that an engine that wants more than it takes equality too.

    This is the float32 just below the one asked for. All scores are > 0, so that nothing needs to
    be sent for a lower one.
    """
    if score_threshold is None or score_threshold <= 0:
        return None
    return float(np.nextafter(lowest_score(score_threshold), np.float32(-np.inf)))


def require_space(vectors: Sequence[SparseVector], dimensions: int, where: str) -> None:
    """Check that vectors are of a collection's space.

    Raises:
        InvalidVectorError: if one has other dimensions; the message names its position.
    """
    for at, vector in enumerate(vectors):
        if vector.dimensions != dimensions:
            raise InvalidVectorError(
                f"vector {at} has {vector.dimensions} dimensions, but {where} has {dimensions}: "
                "use the encoder that made the collection"
            )


def _order(point: ScoredPoint) -> tuple[float, str]:
    return -point.score, point.id


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
    found = [(record.id, record.vector) for record in read(ids) if record.vector is not None]
    stored = SparseBatch.from_vectors([vector for _, vector in found], query.dimensions)
    exact = stored.dot(SparseBatch.from_vectors([query]))[:, 0].astype(np.float32)
    again = dict(zip((each for each, _ in found), exact.tolist(), strict=True))
    return [replace(point, score=again.get(point.id, point.score)) for point in points]
