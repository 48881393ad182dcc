"""Which vectors a point has and a search compares, by name, and whether they fit; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from splade_sdk.errors import CollectionMismatchError, InvalidVectorError
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.payload import DOCUMENT_ID
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray, read_only

__all__ = [
    "EngineQuery",
    "FirstStep",
    "engine_queries",
    "first_step",
    "lowest_score",
    "named_vectors",
    "require_points",
    "require_requests",
    "returned_vectors",
    "sparse_vectors",
    "to_dense",
    "vector_name",
    "vector_names",
]


class FirstStep(NamedTuple):
    """What chooses the candidates of a search in two steps."""

    vector: SparseVector
    using: str
    limit: int


def sparse_vectors(vector: SparseVector, contract: CollectionContract) -> dict[str, SparseVector]:
    """Return the sparse vectors that are stored of a point, by name."""
    settings = contract.settings
    made = {settings.sparse_vector: vector}
    if settings.pruned:
        made[settings.pruned.name] = vector.prune(settings.pruned.terms)
    return made


def named_vectors(
    point: Point, contract: CollectionContract
) -> dict[str, SparseVector | FloatArray]:
    """Return all vectors that are stored of a point, by name."""
    made: dict[str, SparseVector | FloatArray] = {**sparse_vectors(point.vector, contract)}
    if point.dense is not None:
        made[contract.settings.dense.name] = point.dense
    return made


def returned_vectors(contract: CollectionContract) -> list[str]:
    """Return the names of the vectors that points are read back with."""
    settings = contract.settings
    return [settings.sparse_vector, *([settings.dense.name] if contract.dense else [])]


def vector_names(contract: CollectionContract) -> list[str]:
    """Return the names of all vectors that a point can have."""
    pruned = contract.settings.pruned
    return [*returned_vectors(contract), *([pruned.name] if pruned else [])]


def vector_name(request: SearchRequest, contract: CollectionContract) -> str:
    """Return which vector of the points a request is compared with."""
    if request.using is not None:
        return request.using
    if isinstance(request.vector, SparseVector):
        return contract.settings.sparse_vector
    return contract.settings.dense.name


def first_step(request: SearchRequest, contract: CollectionContract) -> FirstStep | None:
    """Return what chooses the candidates of a search; None where it has one step."""
    pruned = contract.settings.pruned
    if request.two_step is None or pruned is None or not isinstance(request.vector, SparseVector):
        return None
    return FirstStep(
        request.vector.prune(request.two_step.query_terms),
        pruned.name,
        max(request.two_step.candidates, request.offset + request.limit),
    )


class EngineQuery(NamedTuple):
    """One search in the engine's terms; ``convert`` and ``edge_convert`` make requests of it.

    Attributes:
        request: What is asked for.
        limit: Points wanted.
        using: Name of the vectors that are compared.
        first: What chooses the candidates; None where the search has one step.
        score_threshold: Lowest score to send; None for none.
        with_payload: What to return of payloads: the document id always.
        with_vector: Names of the vectors to return; False for none.
    """

    request: SearchRequest
    limit: int
    using: str
    first: FirstStep | None
    score_threshold: float | None
    with_payload: bool | list[str]
    with_vector: list[str] | Literal[False]


def engine_queries(
    searches: Sequence[tuple[SearchRequest, int]], contract: CollectionContract
) -> list[EngineQuery]:
    """Return searches for the best n points each, in the engine's terms."""
    return [
        EngineQuery(
            request,
            limit,
            vector_name(request, contract),
            first_step(request, contract),
            _engine_threshold(request),
            True if request.with_payload is True else [DOCUMENT_ID, *(request.with_payload or ())],
            returned_vectors(contract) if request.with_vectors else False,
        )
        for request, limit in searches
    ]


def lowest_score(score_threshold: float) -> np.float32:
    """Return a threshold as scores are: in float32, infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return np.float32(score_threshold)


def _engine_threshold(request: SearchRequest) -> float | None:
    """Return the threshold to send so that an engine that wants more than it takes equality too.

    This is the float32 just below the one asked for. All scores of sparse vectors are > 0, so that
    nothing needs to be sent for a lower one.
    """
    threshold = request.score_threshold
    if threshold is None or (threshold <= 0 and isinstance(request.vector, SparseVector)):
        return None
    below = np.nextafter(lowest_score(threshold), np.float32(-np.inf))
    return None if np.isneginf(below) else float(below)


def to_dense(stored: Sequence[float] | None) -> FloatArray | None:
    """Return a dense vector as an engine gives it back."""
    return None if stored is None else read_only(np.array(stored, dtype=np.float32))


def require_points(points: Sequence[Point], contract: CollectionContract, where: str) -> None:
    """Check the vectors of points that are to be stored.

    Raises:
        InvalidVectorError: if one is of another space; the message names its position.
        CollectionMismatchError: if one is dense, and the collection has no dense vectors.
    """
    for at, point in enumerate(points):
        _require_space(point.vector, at, contract, where)
        if point.dense is not None:
            _require_space(point.dense, at, contract, where)


def require_requests(
    requests: Sequence[SearchRequest], contract: CollectionContract, where: str
) -> None:
    """Check the vectors of searches.

    Raises:
        InvalidVectorError: if one is of another space; the message names its position.
        CollectionMismatchError: if the collection lacks the vectors that a search needs.
    """
    for at, request in enumerate(requests):
        _require_space(request.vector, at, contract, where)
        if request.two_step is not None and contract.settings.pruned is None:
            raise CollectionMismatchError(
                f"{where} has no pruned vectors, which a search in two steps needs: leave two_step "
                "out, or index again with CollectionSettings(pruned=PrunedSettings())"
            )


def _require_space(
    vector: SparseVector | FloatArray, at: int, contract: CollectionContract, where: str
) -> None:
    if isinstance(vector, SparseVector):
        has, expected, made_by = vector.dimensions, contract.fingerprint.dimensions, "encoder"
    elif contract.dense is None:
        raise CollectionMismatchError(
            f"{where} has no dense vectors, but vector {at} is one: it was made without a dense "
            "encoder; index again into another collection with one"
        )
    else:
        has, expected = vector.size, contract.dense.dimensions
        made_by = f"dense encoder {contract.dense.model!r}"
    if has != expected:
        raise InvalidVectorError(
            f"vector {at} has {has} dimensions, but {where} has {expected}: use the {made_by} "
            "that made the collection"
        )
