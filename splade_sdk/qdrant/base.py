"""What every engine offers: the protocol behind the memory, embedded and server adapters.

Ids here are point ids (UUID strings); the caller's own ids live in the payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from splade_sdk.types import SparseVector

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["Collection", "Point", "Record", "ScoredPoint", "SearchRequest"]


@dataclass(frozen=True, slots=True)
class Point:
    """What is stored.

    Attributes:
        id: UUID string.
        vector: The sparse vector; may be empty.
        payload: JSON values.
    """

    id: str
    vector: SparseVector
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    Attributes:
        vector: The query vector; an empty one finds nothing.
        limit: Hits wanted at most, at least 1.
        offset: Hits to skip from the top.
        filter: Conditions the payload must meet.
        score_threshold: Lowest score wanted, inclusive.
        with_payload: Return the payload.
        with_vectors: Return the stored vector.
    """

    vector: SparseVector
    limit: int = 10
    offset: int = 0
    filter: models.Filter | None = None
    score_threshold: float | None = None
    with_payload: bool = True
    with_vectors: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A stored point as it is read back; the vector only where asked for."""

    id: str
    payload: dict[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None


@dataclass(frozen=True, slots=True)
class ScoredPoint:
    """A found point."""

    id: str
    score: float
    payload: dict[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None


class Collection(Protocol):
    """One collection of points with one sparse vector each.

    All methods raise subclasses of EngineError for what the engine does, EngineClosedError
    after ``close``, and InvalidVectorError before the engine sees a vector of another space.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id; durable when it returns.

        A batch is stored as a whole or not at all, as far as the engine can tell.
        """

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points by inner product, highest first, ties by id.

        Points that share no term with the query are never returned.
        """

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches in one call, in order."""

    def get(self, ids: Sequence[str], *, with_vectors: bool = False) -> list[Record]:
        """Return the points that exist among ``ids``, in the order asked for."""

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hash of each point that exists among ``ids`` and has one, by id."""

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete by id or by filter; ids that do not exist are ignored."""

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count exactly the points that meet the filter."""

    def scroll(
        self,
        *,
        filter: models.Filter | None = None,  # noqa: A002 - Qdrant's name
        limit: int = 256,
        offset: str | None = None,
        with_payload: bool = True,
        with_vectors: bool = False,
    ) -> tuple[list[Record], str | None]:
        """Return a page of points ordered by id, and the offset of the next one (None: last)."""

    def create_payload_index(self, field: str, schema: str) -> None:
        """Index a payload field so that filters on it are fast; doing it twice is harmless.

        Args:
            field: Path in the payload, such as ``metadata.year``.
            schema: keyword, integer, float, bool, datetime, text, uuid or geo.
        """

    def optimize(self) -> None:
        """Rebuild what the engine can make faster or smaller; a no-op where it does so itself."""

    def close(self) -> None:
        """Release the engine; doing it twice is harmless."""
