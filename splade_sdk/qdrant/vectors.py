"""Which vectors a point has, and which of them a search asks, by name; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray, read_only

__all__ = [
    "FirstStep",
    "first_step",
    "named_vectors",
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


def to_dense(stored: Sequence[float] | None) -> FloatArray | None:
    """Return a dense vector as an engine gives it back."""
    return None if stored is None else read_only(np.array(stored, dtype=np.float32))
