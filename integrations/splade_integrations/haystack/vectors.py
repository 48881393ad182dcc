"""Our sparse vectors <-> Haystack's; pure."""

from __future__ import annotations

from haystack.dataclasses import SparseEmbedding

from splade_sdk.types import SparseVector

__all__ = ["from_haystack", "to_haystack"]


def to_haystack(vector: SparseVector) -> SparseEmbedding:
    """Return Haystack's form of a vector."""
    return SparseEmbedding(indices=vector.indices.tolist(), values=vector.values.tolist())


def from_haystack(embedding: SparseEmbedding, dimensions: int) -> SparseVector:
    """Return our form of a vector.

    Args:
        embedding: Indices in any order.
        dimensions: Size of the encoder's space.

    Raises:
        InvalidVectorError: if it is not of that space.
    """
    weights = dict(zip(embedding.indices, embedding.values, strict=True))
    return SparseVector.from_dict(weights, dimensions)
