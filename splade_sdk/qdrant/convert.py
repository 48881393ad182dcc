"""Our types <-> qdrant-client's models; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from splade_sdk.errors import CollectionMismatchError
from splade_sdk.qdrant.base import Point, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.vectors import (
    EngineQuery,
    engine_queries,
    named_vectors,
    to_dense,
)
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = [
    "MAX_REQUEST_BYTES",
    "from_records",
    "from_scored",
    "to_queries",
    "to_structs",
    "uploads",
]

MAX_REQUEST_BYTES = 4_000_000
"""Size of one upsert on the wire, about; a server refuses more than 32 MB."""

_BYTES_A_TERM = 28  # an index and a float32 as JSON text, with commas
_BYTES_A_COORDINATE = 25


def uploads(
    points: Sequence[Point], contract: CollectionContract, max_bytes: int = MAX_REQUEST_BYTES
) -> Iterator[Sequence[Point]]:
    """Split points into runs whose JSON stays below a size; a larger point goes alone.

    Args:
        points: What to store, in order.
        contract: Of the collection; says which vectors are stored.
        max_bytes: Size of a run.
    """
    pruned = contract.settings.pruned
    start, size = 0, 0
    for at, point in enumerate(points):
        text = json.dumps(point.payload, ensure_ascii=False)
        terms = len(point.vector) + (min(len(point.vector), pruned.terms) if pruned else 0)
        own = terms * _BYTES_A_TERM + len(text.encode()) + 100
        if point.dense is not None:
            own += point.dense.size * _BYTES_A_COORDINATE + 100
        if size and size + own > max_bytes:
            yield points[start:at]
            start, size = at, 0
        size += own
    if start < len(points):
        yield points[start:]


def to_structs(points: Sequence[Point], contract: CollectionContract) -> list[models.PointStruct]:
    """Return points with their vectors under the names that the contract gives them."""
    return [
        models.PointStruct(
            id=point.id,
            vector={
                name: vector.to_qdrant() if isinstance(vector, SparseVector) else vector.tolist()
                for name, vector in named_vectors(point, contract).items()
            },
            payload=point.payload,
        )
        for point in points
    ]


def to_queries(
    searches: Sequence[tuple[SearchRequest, int]], contract: CollectionContract
) -> list[models.QueryRequest]:
    """Return queries for the best n points each."""
    return [_query(each) for each in engine_queries(searches, contract)]


def _query(query: EngineQuery) -> models.QueryRequest:
    made = models.QueryRequest(
        query=_nearest(query.request.vector),
        using=query.using,
        limit=query.limit,
        filter=query.request.filter,
        score_threshold=query.score_threshold,
        with_payload=query.with_payload,
        with_vector=query.with_vector,
    )
    if (first := query.first) is None:
        return made
    prefetch = models.Prefetch(
        query=_nearest(first.vector),
        using=first.using,
        limit=first.limit,
        filter=query.request.filter,
    )
    return made.model_copy(update={"prefetch": prefetch})


def from_scored(point: models.ScoredPoint, contract: CollectionContract) -> ScoredPoint:
    """Return a found point."""
    vector, dense = _vectors(point.vector, contract)
    return ScoredPoint(str(point.id), point.score, point.payload or {}, vector, dense)


def from_records(
    points: Sequence[models.Record], contract: CollectionContract
) -> dict[str, Record]:
    """Return stored points by id, in their order."""
    return {
        str(point.id): Record(str(point.id), point.payload or {}, *_vectors(point.vector, contract))
        for point in points
    }


def _nearest(vector: SparseVector | FloatArray) -> models.NearestQuery:
    if isinstance(vector, SparseVector):
        return models.NearestQuery(nearest=vector.to_qdrant())
    return models.NearestQuery(nearest=vector.tolist())


def _vectors(
    vectors: Any, contract: CollectionContract
) -> tuple[SparseVector | None, FloatArray | None]:
    if vectors is None:
        return None, None
    name = contract.settings.sparse_vector
    stored = vectors.get(name) if isinstance(vectors, dict) else None
    if not isinstance(stored, models.SparseVector):
        raise CollectionMismatchError(
            f"a stored point has no sparse vector {name!r}: it was not written by this package; "
            "delete it, or keep such points in a collection of their own"
        )
    order = np.argsort(stored.indices)
    sparse = SparseVector(
        np.array(stored.indices, dtype=np.int32)[order],
        np.array(stored.values, dtype=np.float32)[order],
        contract.fingerprint.dimensions,
    )
    return sparse, to_dense(vectors.get(contract.settings.dense.name))
