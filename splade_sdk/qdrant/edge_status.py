"""What the embedded engine says of a collection."""

from __future__ import annotations

from typing import Any

from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.status import CollectionStatus
from splade_sdk.qdrant.vectors import vector_names

__all__ = ["dead_points", "points", "shard_status"]

_FEW_DENSE = 10_000  # vectors that are compared one by one in a few milliseconds


def points(shard: Any) -> int:
    """Return the number of points."""
    return int(shard.info().points_count)


def dead_points(shard: Any, contract: CollectionContract) -> int:
    """Return how many deleted points are known to be left in the index.

    The engine counts vectors, those of deleted points included, and dense ones only once their
    index is built: until then this is too low.
    """
    return _indexed(shard) // len(vector_names(contract)) - points(shard)


def shard_status(shard: Any, contract: CollectionContract) -> CollectionStatus:
    """Return what the engine says; whether it uses IDF, its files do not tell."""
    info, told = shard.info(), []
    # One index a sparse vector is always there; the dense one is built by optimize.
    names = vector_names(contract)
    built = contract.dense is None or _indexed(shard) >= len(names) * points(shard)
    if not built and points(shard) > _FEW_DENSE:
        told.append(f"{points(shard)} dense vectors are compared one by one, without an index")
    if (dead := dead_points(shard, contract)) > points(shard) // 2:
        told.append(f"{dead} deleted documents are still in the index")
    return CollectionStatus(
        engine=contract.engine or "qdrant-edge",
        points=points(shard),
        indexed_fields={path: str(kind) for path, kind in info.payload_schema.items()},
        pending=", and ".join(told),
        advice="call optimize() at a quiet time" if told else "",
    )


def _indexed(shard: Any) -> int:
    return int(shard.info().indexed_vectors_count)
