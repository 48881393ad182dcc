"""A Haystack component that gives documents their sparse vectors."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from splade_integrations.haystack.models import serialized_model
from splade_integrations.haystack.vectors import to_haystack
from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.encoders.base import EncodeOptions, SparseEncoder, encode_with_bar
from splade_sdk.errors import InvalidTypeError
from splade_sdk.types.arguments import require_texts

__all__ = ["SpladeSparseDocumentEmbedder", "text_to_embed"]


@component
class SpladeSparseDocumentEmbedder:
    """Gives documents the ``sparse_embedding`` that QdrantDocumentStore and others store.

    The documents that come in are left as they are. One without a term, such as an empty one, gets
    a vector without a term: it is stored with the others, and never matches.

    Args:
        model: Name or folder of a model, or None for the default one; any other encoder works
            too, but such a component cannot be written into a pipeline's file.
        encoder_options: Other arguments of SpladeEncoder, as in ``{"long_documents": "windows"}``.
        batch_size: Texts encoded at once; None for the encoder's own choice.
        progress_bar: Draw a bar on stderr.
        meta_fields_to_embed: Metadata that is encoded before the content.
        embedding_separator: What stands between them.

    Example:
        >>> embedder = SpladeSparseDocumentEmbedder()  # doctest: +SKIP
        >>> embedder.run([Document(content="heart attack")])["documents"][0].sparse_embedding
    """

    def __init__(
        self,
        model: str | SparseEncoder | None = None,
        *,
        encoder_options: dict[str, Any] | None = None,
        batch_size: int | None = None,
        progress_bar: bool = False,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
    ) -> None:
        self._encoder = LazyEncoder(model, encoder_options)
        self._batch_size = batch_size
        self._progress_bar = progress_bar
        self._meta_fields_to_embed = meta_fields_to_embed or []
        self._embedding_separator = embedding_separator

    def warm_up(self) -> None:
        """Load the model; doing it twice is harmless."""
        self._encoder.get()

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return the documents with their vectors.

        Args:
            documents: What to encode.

        Raises:
            InvalidTypeError: if it is not a list of documents.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise InvalidTypeError(
                f"documents is {documents!r:.80}: expected a list of Haystack documents; for a "
                "query use SpladeSparseTextEmbedder"
            )
        texts = [
            text_to_embed(each, self._meta_fields_to_embed, self._embedding_separator)
            for each in documents
        ]
        vectors = encode_with_bar(
            self._encoder.get().encode_texts,
            require_texts(texts),
            side="document",
            options=EncodeOptions(self._batch_size, self._progress_bar),
        )
        return {
            "documents": [
                replace(document, sparse_embedding=to_haystack(vector))
                for document, vector in zip(documents, vectors, strict=True)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return the documents with their vectors, made in a thread; see ``run``."""
        return await asyncio.to_thread(self.run, documents)

    def to_dict(self) -> dict[str, Any]:
        """Return what a pipeline's file holds of this component.

        Raises:
            SerializationError: if it was given an encoder instead of a model's name.
        """
        return default_to_dict(
            self,
            model=serialized_model(self._encoder.model),
            encoder_options=self._encoder.options,
            batch_size=self._batch_size,
            progress_bar=self._progress_bar,
            meta_fields_to_embed=self._meta_fields_to_embed,
            embedding_separator=self._embedding_separator,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SpladeSparseDocumentEmbedder:
        """Return the component that ``to_dict`` described."""
        return default_from_dict(cls, data)


def text_to_embed(document: Document, meta_fields: list[str], separator: str) -> str:
    """Return what of a document is encoded: the metadata asked for, then the content."""
    values = (document.meta.get(name) for name in meta_fields)
    parts = [str(value) for value in values if value is not None]
    return separator.join([*parts, document.content or ""])
