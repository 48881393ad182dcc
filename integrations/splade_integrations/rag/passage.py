"""Passages: how they are stored, and how they come back; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from splade_integrations.rag.chunking import ChunkSettings, spans
from splade_sdk.config import FieldSchema
from splade_sdk.errors import InvalidDocumentError
from splade_sdk.types import Document, Hit

__all__ = ["DOCUMENT_FIELD", "INDEXED_FIELDS", "NUMBER_FIELD", "Passage", "cut", "from_hit"]

_OURS = "_rag"
DOCUMENT_FIELD = f"{_OURS}.document"
NUMBER_FIELD = f"{_OURS}.number"

INDEXED_FIELDS: dict[str, FieldSchema] = {DOCUMENT_FIELD: "keyword", NUMBER_FIELD: "integer"}
"""What to index in a large collection: CollectionSettings(indexed_fields=INDEXED_FIELDS)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document.

    Attributes:
        document_id: The document's id.
        start: Where it begins in the document's text, in characters.
        end: Where it ends.
        text: What it says: the document's text[start:end].
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
    """Return the passages of a document as what is stored of them.

    Args:
        document: Its metadata goes with each of its passages.
        settings: How it is cut.

    Raises:
        InvalidDocumentError: if it has a ready-made vector, which is none of its passages', or
            metadata under the name that passages use.
    """
    if document.vector is not None or document.dense is not None:
        raise InvalidDocumentError(
            f"document {document.id!r} has a ready-made vector: its passages need vectors of their "
            "own; leave it out, or upsert passages into the retriever yourself"
        )
    if _OURS in document.metadata:
        raise InvalidDocumentError(
            f"document {document.id!r} has the metadata {_OURS!r}, where passages keep their "
            "place: name it otherwise"
        )
    return [
        Document(
            f"{document.id}#{number}",
            document.text[span.start : span.end],
            {
                **document.metadata,
                _OURS: {
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
    """Return the passage that was found."""
    ours = hit.metadata[_OURS]
    metadata = {key: value for key, value in hit.metadata.items() if key != _OURS}
    return Passage(ours["document"], ours["start"], ours["end"], hit.text, metadata, hit.score)
