"""Checks that vectors belong to a collection, before its engine sees them; pure."""

from __future__ import annotations

from collections.abc import Sequence

from splade_sdk.errors import CollectionMismatchError, InvalidVectorError
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = ["require_points", "require_requests"]


def require_points(points: Sequence[Point], contract: CollectionContract, where: str) -> None:
    """Check the vectors of points that are to be stored.

    Raises:
        InvalidVectorError: if one is of another space; the message names its position.
        CollectionMismatchError: if one is dense, and the collection has no dense vectors.
    """
    for at, point in enumerate(points):
        _require(point.vector, at, contract, where)
        if point.dense is not None:
            _require(point.dense, at, contract, where)


def require_requests(
    requests: Sequence[SearchRequest], contract: CollectionContract, where: str
) -> None:
    """Check the vectors of searches.

    Raises:
        InvalidVectorError: if one is of another space; the message names its position.
        CollectionMismatchError: if the collection lacks the vectors that a search needs.
    """
    for at, request in enumerate(requests):
        _require(request.vector, at, contract, where)
        if request.two_step is not None and contract.settings.pruned is None:
            raise CollectionMismatchError(
                f"{where} has no pruned vectors, which a search in two steps needs: leave two_step "
                "out, or index anew with CollectionSettings(pruned=PrunedSettings())"
            )


def _require(
    vector: SparseVector | FloatArray, at: int, contract: CollectionContract, where: str
) -> None:
    if isinstance(vector, SparseVector):
        has, expected, made_by = vector.dimensions, contract.fingerprint.dimensions, "encoder"
    elif contract.dense is None:
        raise CollectionMismatchError(
            f"{where} has no dense vectors, but vector {at} is one: it was made without a dense "
            "encoder; index anew into another collection with one"
        )
    else:
        has, expected = vector.size, contract.dense.dimensions
        made_by = f"dense encoder {contract.dense.model!r}"
    if has != expected:
        raise InvalidVectorError(
            f"vector {at} has {has} dimensions, but {where} has {expected}: use the {made_by} "
            "that made the collection"
        )
