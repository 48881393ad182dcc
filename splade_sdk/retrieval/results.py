"""What the engine returns -> what callers get; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from splade_sdk.qdrant.base import Record, ScoredPoint
from splade_sdk.qdrant.payload import from_payload
from splade_sdk.types import Document, Hit, Leg

__all__ = ["to_document", "to_hit"]


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


def to_document(record: Record) -> Document:
    """Return the document that a stored point holds."""
    return replace(from_payload(record.payload), vector=record.vector, dense=record.dense)
