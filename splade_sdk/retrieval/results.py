"""What the engine returns -> what callers get; pure."""

from __future__ import annotations

from dataclasses import replace

from splade_sdk.qdrant.base import Record, ScoredPoint
from splade_sdk.qdrant.payload import from_payload
from splade_sdk.types import Document, Hit, Leg

__all__ = ["to_document", "to_hit"]


def to_hit(point: ScoredPoint, rank: int, with_payload: bool) -> Hit:
    """Return the hit of a found point.

    Args:
        point: What the engine found, with its payload: the caller's id lies there.
        rank: Position in the ranking, from 1.
        with_payload: Whether the caller wants text and metadata.
    """
    document = from_payload(point.payload)
    return Hit(
        id=document.id,
        score=point.score,
        text=document.text if with_payload else "",
        metadata=document.metadata if with_payload else {},
        vector=point.vector,
        legs={"sparse": Leg(rank=rank, score=point.score)},
    )


def to_document(record: Record) -> Document:
    """Return the document that a stored point holds."""
    return replace(from_payload(record.payload), vector=record.vector)
