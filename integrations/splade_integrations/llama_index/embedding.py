"""An encoder as LlamaIndex's sparse embedding."""

from __future__ import annotations

import asyncio

from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding, SparseEmbedding
from pydantic import PrivateAttr

from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.encoders.base import EncodeOptions, SideName, SparseEncoder
from splade_sdk.types.arguments import require_texts

__all__ = ["SpladeSparseEmbedding"]

_DEFAULT_BATCH = 32


class SpladeSparseEmbedding(BaseSparseEmbedding):
    """Vectors as term id -> weight; queries and texts are each encoded by their own side.

    The asynchronous methods encode in a thread.

    Args:
        encoder: Makes the vectors; None for SpladeEncoder() with the default model, which loads
            at first use.
        embed_batch_size: Texts that LlamaIndex hands over at once.
    """

    _lazy: LazyEncoder = PrivateAttr()

    def __init__(
        self, encoder: SparseEncoder | None = None, *, embed_batch_size: int = _DEFAULT_BATCH
    ) -> None:
        name = "default" if encoder is None else encoder.fingerprint.model
        super().__init__(model_name=name, embed_batch_size=embed_batch_size)
        self._lazy = LazyEncoder(encoder)

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex knows this class by."""
        return "SpladeSparseEmbedding"

    def _get_query_embedding(self, query: str) -> SparseEmbedding:
        return self._encode([query], "query")[0]

    def _get_text_embedding(self, text: str) -> SparseEmbedding:
        return self._encode([text], "document")[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[SparseEmbedding]:
        return self._encode(texts, "document")

    def _encode(self, texts: list[str], side: SideName) -> list[SparseEmbedding]:
        made = self._lazy.get().encode_texts(
            require_texts(texts), side=side, options=EncodeOptions()
        )
        return [vector.to_dict() for vector in made]

    async def _aget_query_embedding(self, query: str) -> SparseEmbedding:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> SparseEmbedding:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[SparseEmbedding]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)
