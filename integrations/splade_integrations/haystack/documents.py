"""Haystack's documents <-> ours; pure."""

from __future__ import annotations

from haystack import Document as HaystackDocument

from splade_integrations.haystack.vectors import from_haystack
from splade_sdk.errors import InvalidDocumentError
from splade_sdk.types import Document, Hit

__all__ = ["from_haystack_document", "to_haystack_document"]


def from_haystack_document(document: HaystackDocument, dimensions: int) -> Document:
    """Return what is stored of a Haystack document.

    Args:
        document: Its ``sparse_embedding``, if it has one, is stored instead of being made anew.
        dimensions: Size of the encoder's space.

    Raises:
        InvalidDocumentError: if it holds a blob, for which there is no place.
        InvalidVectorError: if its vector is not of the encoder's space.
    """
    if document.blob is not None:
        raise InvalidDocumentError(
            f"document {document.id!r} has a blob of type {document.blob.mime_type}: only text and "
            "metadata are stored; convert it to text first"
        )
    vector = document.sparse_embedding
    return Document(
        document.id,
        document.content or "",
        document.meta,
        vector=None if vector is None else from_haystack(vector, dimensions),
    )


def to_haystack_document(found: Document | Hit) -> HaystackDocument:
    """Return the Haystack document of a stored one; that of a hit has its score."""
    return HaystackDocument(
        id=found.id,
        content=found.text,
        meta=dict(found.metadata),
        score=found.score if isinstance(found, Hit) else None,
    )
