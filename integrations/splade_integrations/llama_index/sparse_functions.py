"""Sparse vectors for LlamaIndex's QdrantVectorStore."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.vector_stores.qdrant.utils import BatchSparseEncoding, SparseEncoderCallable

from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.encoders.base import EncodeOptions, SideName, SparseEncoder
from splade_sdk.types import SparseVector
from splade_sdk.types.arguments import require_texts

__all__ = ["sparse_doc_fn", "sparse_query_fn"]


def sparse_doc_fn(encoder: SparseEncoder | None = None) -> SparseEncoderCallable:
    """Return what QdrantVectorStore takes as ``sparse_doc_fn``.

    A text without a term, such as ``""``, gives a vector without a term: it is stored with the
    others, and never matches.

    An encoder whose ``fingerprint.idf`` is true (BM25, unless fitted with its IDF, and
    ``SpladeEncoder(idf=True)``) needs
    ``sparse_config=models.SparseVectorParams(modifier=models.Modifier.IDF)`` in the store.

    Args:
        encoder: Makes the vectors; None for SpladeEncoder() with the default model, which loads
            at first use.

    Example:
        >>> QdrantVectorStore(  # doctest: +SKIP
        ...     "documents",
        ...     client=client,
        ...     enable_hybrid=True,
        ...     sparse_doc_fn=sparse_doc_fn(encoder),
        ...     sparse_query_fn=sparse_query_fn(encoder),
        ... )
    """
    return _sparse_fn(encoder, "document")


def sparse_query_fn(encoder: SparseEncoder | None = None) -> SparseEncoderCallable:
    """Return what QdrantVectorStore takes as ``sparse_query_fn``; see ``sparse_doc_fn``."""
    return _sparse_fn(encoder, "query")


def _sparse_fn(encoder: SparseEncoder | None, side: SideName) -> SparseEncoderCallable:
    lazy = LazyEncoder(encoder)

    def encode(texts: list[str]) -> BatchSparseEncoding:
        return _lists(
            lazy.get().encode_texts(require_texts(texts), side=side, options=EncodeOptions())
        )

    return encode


def _lists(vectors: Sequence[SparseVector]) -> BatchSparseEncoding:
    return [each.indices.tolist() for each in vectors], [each.values.tolist() for each in vectors]
