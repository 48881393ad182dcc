"""What the engine returns -> what callers get; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from splade_sdk.qdrant.base import Record, ScoredPoint
from splade_sdk.qdrant.payload import from_payload
from splade_sdk.types import Document, Explanation, Hit, Leg

__all__ = ["found_by", "to_document", "to_hit"]


def to_hit(
    stored: Record | ScoredPoint, score: float, legs: Mapping[str, Leg], *, partial: bool
) -> Hit:
    """Return a hit.

    Args:
        stored: What the engine returned of it: at least the document's id.
        score: What hits are ordered by.
        legs: Its rank and score in each leg.
        partial: Whether only parts of the payload were asked for.
    """
    document = from_payload(stored.payload, partial=partial)
    return Hit(
        id=document.id,
        score=score,
        text=document.text,
        metadata=document.metadata,
        vector=stored.vector,
        legs=legs,
        dense=stored.dense,
    )


def found_by(hits: Iterable[Hit], explainer: Callable[[Hit], Explanation]) -> list[Hit]:
    """Let the hits of one query know what explains them, and return them.

    Args:
        hits: Made here, and not handed out yet.
        explainer: Of their query.
    """
    return [hit._found_by(explainer) for hit in hits]


def to_document(record: Record) -> Document:
    """Return the document that a stored point holds."""
    return replace(from_payload(record.payload), vector=record.vector, dense=record.dense)
