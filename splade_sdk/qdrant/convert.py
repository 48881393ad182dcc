"""Our types <-> qdrant-client's models; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from splade_sdk.errors import CollectionMismatchError
from splade_sdk.qdrant.base import Point, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.ranking import engine_threshold
from splade_sdk.types import SparseVector

__all__ = ["MAX_REQUEST_BYTES", "from_record", "from_scored", "to_query", "to_structs", "uploads"]

MAX_REQUEST_BYTES = 4_000_000
"""Size of one upsert on the wire, about; a server refuses more than 32 MB."""

_BYTES_A_TERM = 28  # an index and a float32 as JSON text, with commas


def uploads(
    points: Sequence[Point], max_bytes: int = MAX_REQUEST_BYTES
) -> Iterator[Sequence[Point]]:
    """Split points into runs whose JSON stays below a size; a larger point goes alone.

    Args:
        points: What to store, in order.
        max_bytes: Size of a run.
    """
    start, size = 0, 0
    for at, point in enumerate(points):
        text = json.dumps(point.payload, ensure_ascii=False)
        own = len(point.vector) * _BYTES_A_TERM + len(text.encode()) + 100
        if size and size + own > max_bytes:
            yield points[start:at]
            start, size = at, 0
        size += own
    if start < len(points):
        yield points[start:]


def to_structs(points: Sequence[Point], name: str) -> list[models.PointStruct]:
    """Return points with ``name`` as the name of their sparse vector."""
    return [
        models.PointStruct(
            id=point.id, vector={name: point.vector.to_qdrant()}, payload=point.payload
        )
        for point in points
    ]


def to_query(request: SearchRequest, limit: int, name: str) -> models.QueryRequest:
    """Return one query for the best ``limit`` points."""
    return models.QueryRequest(
        query=models.NearestQuery(nearest=request.vector.to_qdrant()),
        using=name,
        limit=limit,
        filter=request.filter,
        score_threshold=engine_threshold(request.score_threshold),
        with_payload=request.with_payload,
        with_vector=[name] if request.with_vectors else False,
    )


def from_scored(point: models.ScoredPoint, name: str, dimensions: int) -> ScoredPoint:
    """Return a found point."""
    vector = _vector(point.vector, name, dimensions)
    return ScoredPoint(str(point.id), point.score, point.payload or {}, vector)


def from_record(point: models.Record, name: str, dimensions: int) -> Record:
    """Return a stored point."""
    return Record(str(point.id), point.payload or {}, _vector(point.vector, name, dimensions))


def _vector(vectors: Any, name: str, dimensions: int) -> SparseVector | None:
    if vectors is None:
        return None
    stored = vectors.get(name) if isinstance(vectors, dict) else None
    if not isinstance(stored, models.SparseVector):
        raise CollectionMismatchError(
            f"a stored point has no sparse vector {name!r}: it was not written by this package; "
            "delete it, or keep such points in a collection of their own"
        )
    order = np.argsort(stored.indices)
    return SparseVector(
        np.array(stored.indices, dtype=np.int32)[order],
        np.array(stored.values, dtype=np.float32)[order],
        dimensions,
    )
