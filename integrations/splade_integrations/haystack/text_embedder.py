"""A Haystack component that turns a query into a sparse vector."""

from __future__ import annotations

import asyncio
from typing import Any

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import SparseEmbedding

from splade_integrations.haystack.models import serialized_model
from splade_integrations.haystack.vectors import to_haystack
from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.encoders.base import EncodeOptions, SparseEncoder
from splade_sdk.types.arguments import require_text

__all__ = ["SpladeSparseTextEmbedder"]


@component
class SpladeSparseTextEmbedder:
    """Gives retrievers, such as QdrantSparseEmbeddingRetriever, the vector of a query.

    A query without a term, such as ``""``, gives a vector without a term, which finds nothing.

    Args:
        model: Name or folder of a model, or None for the default one; any other encoder works
            too, but such a component cannot be written into a pipeline's file.
        encoder_options: Other arguments of SpladeEncoder, as in ``{"device": "cuda"}``.

    Example:
        >>> SpladeSparseTextEmbedder().run("heart attack")["sparse_embedding"]  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | SparseEncoder | None = None,
        *,
        encoder_options: dict[str, Any] | None = None,
    ) -> None:
        self._encoder = LazyEncoder(model, encoder_options)

    def warm_up(self) -> None:
        """Load the model; doing it twice is harmless."""
        self._encoder.get()

    @component.output_types(sparse_embedding=SparseEmbedding)
    def run(self, text: str) -> dict[str, SparseEmbedding]:
        """Return the vector of a query.

        Args:
            text: The query.

        Raises:
            InvalidTypeError: if it is not a string.
        """
        made = self._encoder.get().encode_texts(
            [require_text(text)], side="query", options=EncodeOptions()
        )
        return {"sparse_embedding": to_haystack(made[0])}

    @component.output_types(sparse_embedding=SparseEmbedding)
    async def run_async(self, text: str) -> dict[str, SparseEmbedding]:
        """Return the vector of a query, made in a thread; see ``run``."""
        return await asyncio.to_thread(self.run, text)

    def to_dict(self) -> dict[str, Any]:
        """Return what a pipeline's file holds of this component.

        Raises:
            SerializationError: if it was given an encoder instead of a model's name.
        """
        return default_to_dict(
            self,
            model=serialized_model(self._encoder.model),
            encoder_options=self._encoder.options,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SpladeSparseTextEmbedder:
        """Return the component that ``to_dict`` described."""
        return default_from_dict(cls, data)
