"""Passage, and its form as a stored document; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from splade_integrations.rag.chunking import ChunkSettings, spans
from splade_sdk.config import FieldSchema
from splade_sdk.errors import InvalidDocumentError
from splade_sdk.types import Document, Hit

__all__ = ["DOCUMENT_FIELD", "INDEXED_FIELDS", "NUMBER_FIELD", "Passage", "cut", "from_hit"]

_METADATA_KEY = "_rag"
DOCUMENT_FIELD = f"{_METADATA_KEY}.document"
NUMBER_FIELD = f"{_METADATA_KEY}.number"

INDEXED_FIELDS: dict[str, FieldSchema] = {DOCUMENT_FIELD: "keyword", NUMBER_FIELD: "integer"}
"""Payload indexes for a large collection: CollectionSettings(indexed_fields=INDEXED_FIELDS)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document.

    Attributes:
        document_id: The document's id.
        start: Position of its first character in the document's text.
        end: Position after its last character.
        text: The document's text[start:end].
        metadata: The document's metadata.
        score: The score it was found with.
    """

    document_id: str
    start: int
    end: int
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    score: float = 0.0


def cut(document: Document, settings: ChunkSettings) -> list[Document]:
    """Split a document into passages, each a document to store.

    Args:
        document: Any document; each passage gets its metadata.
        settings: How it is split.

    Raises:
        InvalidDocumentError: if it has a ready-made vector, which no passage could use, or
            metadata under the key that passages use.
    """
    if document.vector is not None or document.dense is not None:
        raise InvalidDocumentError(
            f"document {document.id!r} has a ready-made vector: its passages need vectors of their "
            "own; leave it out, or upsert passages into the retriever yourself"
        )
    if _METADATA_KEY in document.metadata:
        raise InvalidDocumentError(
            f"document {document.id!r} has the metadata {_METADATA_KEY!r}, where passages keep "
            "their place: name it otherwise"
        )
    return [
        Document(
            f"{document.id}#{number}",
            document.text[span.start : span.end],
            {
                **document.metadata,
                _METADATA_KEY: {
                    "document": document.id,
                    "number": number,
                    "start": span.start,
                    "end": span.end,
                },
            },
        )
        for number, span in enumerate(spans(document.text, settings))
    ]


def from_hit(hit: Hit) -> Passage:
    """Return the passage that a hit is."""
    place = hit.metadata[_METADATA_KEY]
    metadata = {key: value for key, value in hit.metadata.items() if key != _METADATA_KEY}
    return Passage(place["document"], place["start"], place["end"], hit.text, metadata, hit.score)
