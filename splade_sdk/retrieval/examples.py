"""Stored documents as a query: more like these, less like those."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qdrant_client import models

from splade_sdk.errors import InvalidInputError
from splade_sdk.qdrant.base import Collection, Record
from splade_sdk.qdrant.ids import point_id
from splade_sdk.retrieval.fusion import LegName
from splade_sdk.retrieval.query_vectors import Asked, Mode, require_mode
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = ["by_examples", "without"]


def by_examples(
    collection: Collection, positive: Sequence[str], negative: Sequence[str], mode: Mode | None
) -> Asked:
    """Return what to ask for: mean(positive), or 2 · mean(positive) - mean(negative).

    That is Qdrant's strategy ``average_vector``. Of sparse vectors, weights that come out at or
    below 0 are dropped.

    Args:
        collection: Where the documents lie.
        positive: Their ids, at least one.
        negative: Ids of documents that are unlike what is looked for.
        mode: By which vectors; None for hybrid where the collection has dense ones, else sparse.

    Raises:
        InvalidInputError: if a document is not stored, or only dense vectors are asked for and no
            positive document has one.
        CollectionMismatchError: if the collection has no dense vectors, and the mode needs them.
    """
    if not positive:
        raise InvalidInputError("positive is empty: expected the id of at least one document")
    require_mode(mode, collection.contract)
    wanted, unwanted = (_records(collection, ids) for ids in (positive, negative))
    mode = mode or ("hybrid" if collection.contract.dense is not None else "sparse")
    legs: dict[LegName, SparseVector | FloatArray] = {}
    if mode != "dense":
        legs["sparse"] = _sparse(wanted, unwanted, collection.contract.fingerprint.dimensions)
    if mode != "sparse":
        dense = [record.dense for record in wanted if record.dense is not None]
        if dense:
            others = [record.dense for record in unwanted if record.dense is not None]
            legs["dense"] = _away_from(dense, others)
        elif mode == "dense":
            raise InvalidInputError(
                f"none of the documents {list(positive)} has a dense vector: search with "
                "mode='sparse'"
            )
    return Asked(legs, mode == "hybrid")


def without(ids: Sequence[str], given: models.Filter | None) -> models.Filter:
    """Return a filter that leaves documents out.

    Args:
        ids: Ids of the documents.
        given: What else must hold.
    """
    these = models.HasIdCondition(has_id=[point_id(each) for each in ids])
    return models.Filter(must=[given] if given else None, must_not=[these])


def _records(collection: Collection, ids: Sequence[str]) -> list[Record]:
    found = {
        record.id: record
        for record in collection.get(
            [point_id(each) for each in ids], with_payload=(), with_vectors=True
        )
    }
    if missing := [each for each in ids if point_id(each) not in found]:
        raise InvalidInputError(f"documents {missing} are not stored: expected ids of stored ones")
    return [found[point_id(each)] for each in ids]


def _sparse(wanted: Sequence[Record], unwanted: Sequence[Record], dimensions: int) -> SparseVector:
    sums: dict[int, float] = {}
    for records, factor in ((wanted, 2.0 if unwanted else 1.0), (unwanted, -1.0)):
        for record in records:
            for term, weight in (record.vector.to_dict() if record.vector else {}).items():
                sums[term] = sums.get(term, 0.0) + factor * weight / len(records)
    positive = {term: weight for term, weight in sums.items() if np.float32(weight) > 0}
    return SparseVector.from_dict(positive, dimensions)


def _away_from(dense: Sequence[FloatArray], others: Sequence[FloatArray]) -> FloatArray:
    mean: FloatArray = np.mean(dense, axis=0, dtype=np.float32)
    return 2 * mean - np.mean(others, axis=0, dtype=np.float32) if others else mean
