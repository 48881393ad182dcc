"""Sparse vectors for langchain-qdrant's QdrantVectorStore."""

from __future__ import annotations

from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector

from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.encoders.base import EncodeOptions, SparseEncoder
from splade_sdk.types import SparseVector as OurVector
from splade_sdk.types.arguments import require_text, require_texts

__all__ = ["SpladeSparseEmbeddings"]


class SpladeSparseEmbeddings(SparseEmbeddings):
    """Gives QdrantVectorStore an encoder's vectors, documents and queries each by their own side.

    The asynchronous methods encode in a thread. A text without a term, such as ``""``, gives a
    vector without a term: it is stored with the others, and never matches.

    An encoder whose ``fingerprint.idf`` is true (BM25, unless fitted with its IDF, and
    ``SpladeEncoder(idf=True)``) needs
    ``sparse_vector_params={"modifier": models.Modifier.IDF}`` where the store makes its collection.

    Args:
        encoder: Makes the vectors; None for SpladeEncoder() with the default model, which loads
            at first use.

    Example:
        >>> QdrantVectorStore.from_texts(  # doctest: +SKIP
        ...     ["symptoms of a heart attack"],
        ...     sparse_embedding=SpladeSparseEmbeddings(),
        ...     retrieval_mode=RetrievalMode.SPARSE,
        ...     location=":memory:",
        ... )
    """

    def __init__(self, encoder: SparseEncoder | None = None) -> None:
        self._lazy = LazyEncoder(encoder)

    @property
    def encoder(self) -> SparseEncoder:
        """The encoder in use; loads the default model at first use."""
        return self._lazy.get()

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Return the vector of each document."""
        vectors = self.encoder.encode_texts(
            require_texts(texts), side="document", options=EncodeOptions()
        )
        return [_to_langchain(vector) for vector in vectors]

    def embed_query(self, text: str) -> SparseVector:
        """Return the vector of a query."""
        made = self.encoder.encode_texts(
            [require_text(text)], side="query", options=EncodeOptions()
        )
        return _to_langchain(made[0])


def _to_langchain(vector: OurVector) -> SparseVector:
    return SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
