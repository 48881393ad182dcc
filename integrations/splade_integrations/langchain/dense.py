"""Dense vectors: LangChain's embeddings for our Retriever, and our dense head for LangChain."""

from __future__ import annotations

from typing import cast

import numpy as np
from langchain_core.embeddings import Embeddings

from splade_sdk.encoders.base import EncodeOptions, HybridEncoder
from splade_sdk.errors import ConfigError
from splade_sdk.types.arguments import require_text, require_texts
from splade_sdk.types.arrays import FloatArray

__all__ = ["EmbeddingsEncoder", "SpladeDenseEmbeddings"]


class EmbeddingsEncoder:
    """LangChain's embeddings as the dense encoder of a Retriever.

    Args:
        embeddings: Any of LangChain's.

    Example:
        >>> Retriever(":memory:", dense_encoder=EmbeddingsEncoder(embeddings))  # doctest: +SKIP
    """

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        named = (getattr(embeddings, name, None) for name in ("model_name", "model"))
        self.model_name = next(
            (each for each in named if isinstance(each, str)), type(embeddings).__name__
        )

    def encode(self, texts: list[str]) -> FloatArray:
        """Return the vectors of documents. Shape: ``(len(texts), dense_dimensions)``."""
        return np.asarray(self._embeddings.embed_documents(texts), dtype=np.float32)

    def encode_query(self, texts: list[str]) -> FloatArray:
        """Return the vectors of queries. Shape: ``(len(texts), dense_dimensions)``."""
        vectors = [self._embeddings.embed_query(text) for text in texts]
        return np.asarray(vectors, dtype=np.float32)


class SpladeDenseEmbeddings(Embeddings):
    """The dense vectors of an encoder with a dense head, for hybrid search in QdrantVectorStore.

    Together with SpladeSparseEmbeddings of the same encoder, one model serves both sides.

    Args:
        encoder: Its ``dense_dimensions`` is not None.

    Raises:
        ConfigError: if its model has no dense head.
    """

    def __init__(self, encoder: HybridEncoder) -> None:
        if getattr(encoder, "dense_dimensions", None) is None:
            raise ConfigError(
                f"{type(encoder).__name__} has no dense head: expected an encoder whose "
                "dense_dimensions is not None; take other embeddings for the dense side"
            )
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each document, of length 1."""
        made = self._encoder.encode_hybrid(
            require_texts(texts), side="document", options=EncodeOptions()
        )
        return cast("list[list[float]]", made.dense.tolist())

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query, of length 1."""
        made = self._encoder.encode_hybrid(
            [require_text(text)], side="query", options=EncodeOptions()
        )
        return cast("list[float]", made.dense[0].tolist())
