"""Both vectors of a text, from one pass of a model with a dense head."""

from __future__ import annotations

from typing import NamedTuple

from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.sparse import SparseBatch, SparseVector

__all__ = ["HybridBatch", "HybridVector"]


class HybridVector(NamedTuple):
    """The sparse and the dense vector of one text.

    Attributes:
        sparse: Term weights.
        dense: Float32, of length 1; zeros for a blank text. Shape: ``(dense_dimensions,)``.
    """

    sparse: SparseVector
    dense: FloatArray


class HybridBatch(NamedTuple):
    """The sparse and the dense vectors of many texts, in the same order.

    Attributes:
        sparse: Term weights, a row for each text.
        dense: Float32, rows of length 1; zeros for a blank text. Shape:
            ``(texts, dense_dimensions)``.
    """

    sparse: SparseBatch
    dense: FloatArray
