"""What every engine offers: the protocol behind the memory, embedded and server adapters.

Ids here are point ids (UUID strings); the caller's own ids live in the payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import same_fields

if TYPE_CHECKING:
    from qdrant_client import models

    from splade_sdk.qdrant.schema import CollectionContract

__all__ = [
    "Collection",
    "CollectionStatus",
    "PayloadFields",
    "Point",
    "Record",
    "ScoredPoint",
    "SearchRequest",
]

PayloadFields = bool | tuple[str, ...]
"""What to return of a payload: all, nothing, or the document's id and these paths."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """What is stored.

    Attributes:
        id: UUID string.
        vector: The sparse vector; may be empty.
        payload: JSON values.
        dense: The dense vector; None where there is none. Shape: ``(dense_dimensions,)``.
    """

    id: str
    vector: SparseVector
    payload: dict[str, Any]
    dense: FloatArray | None = None

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search, by one vector.

    Attributes:
        vector: The query vector: a sparse one, which finds nothing if it is empty, or a dense one
            of the shape ``(dense_dimensions,)``.
        using: Name of the vectors that it is compared with; None for the collection's own of its
            kind.
        limit: Hits wanted at most, at least 1.
        offset: Hits to skip from the top.
        filter: Conditions the payload must meet.
        score_threshold: Lowest score wanted, inclusive.
        with_payload: What to return of the payload.
        with_vectors: Return the stored vectors.
        two_step: Search in two steps; a sparse vector's only.
    """

    vector: SparseVector | FloatArray
    limit: int = 10
    offset: int = 0
    filter: models.Filter | None = None
    score_threshold: float | None = None
    with_payload: PayloadFields = True
    with_vectors: bool = False
    two_step: TwoStep | None = None
    using: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A stored point as it is read back; the vectors only where they were requested."""

    id: str
    payload: dict[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None
    dense: FloatArray | None = None

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPoint:
    """A found point."""

    id: str
    score: float
    payload: dict[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None
    dense: FloatArray | None = None

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStatus:
    """The state of a collection, as its engine reports it.

    Attributes:
        engine: What it is, with its version where that is known, such as ``Qdrant 1.19.0``.
        points: Number of points.
        indexed_fields: Paths in the payload that have an index, with their kind.
        idf: Whether the engine multiplies query weights by the inverse document frequency; None
            where that is not known.
        pending: What the engine has still to do or failed to do, in its words; empty if nothing.
        advice: What to do about that.
        client_version: Of qdrant-client where it speaks to a server; None elsewhere.
        server_version: Of that server; None elsewhere.
        slow: Why searches are slow by the kind of engine; empty where they are not.
    """

    engine: str
    points: int
    indexed_fields: Mapping[str, str] = field(default_factory=dict)
    idf: bool | None = None
    pending: str = ""
    advice: str = ""
    client_version: str | None = None
    server_version: str | None = None
    slow: str = ""


class Collection(Protocol):
    """One collection of points with a sparse vector each, and a dense one where it has those.

    All methods raise subclasses of EngineError for what the engine does, EngineClosedError
    after ``close``, and InvalidVectorError before the engine sees a vector of another space.
    """

    @property
    def contract(self) -> CollectionContract:
        """What is kept with the collection: its models and its layout."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id; durable when it returns.

        A batch is stored as a whole or not at all, as far as the engine can tell.
        """
        ...

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points, highest score first, ties by the document's id.

        The score is the inner product of the sparse vectors, where points that share no term with
        the query are never returned; or what the collection compares dense vectors by, where
        points without a dense vector are never returned.
        """
        ...

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches in one call, in order."""
        ...

    def get(
        self,
        ids: Sequence[str],
        *,
        with_payload: PayloadFields = True,
        with_vectors: bool = False,
    ) -> list[Record]:
        """Return the points that exist among ``ids``, in the order of ``ids``."""
        ...

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hash of each point that exists among ``ids`` and has one, by id."""
        ...

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete by id or by filter; ids that do not exist are ignored."""
        ...

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count exactly the points that meet the filter."""
        ...

    def scroll(
        self,
        *,
        filter: models.Filter | None = None,  # noqa: A002 - Qdrant's name
        limit: int = 256,
        offset: str | None = None,
        with_payload: bool = True,
        with_vectors: bool = False,
    ) -> tuple[list[Record], str | None]:
        """Return a page of points ordered by id, and the offset of the next one (None: last).

        Those of a tenant have another order, which is always the same.
        """
        ...

    def update(self, points: Sequence[Point], *, content_hashes: Sequence[str]) -> None:
        """Store points in place of those that are there and have one of the hashes still.

        What was deleted or changed meanwhile is left alone. While an upgrade is under way, points
        may have the dense vectors that it adds.

        Args:
            points: As for ``upsert``.
            content_hashes: Of the points as they were read.
        """
        ...

    def keep_contract(self, contract: CollectionContract) -> None:
        """Keep another contract with the collection, and make room for the vectors it adds.

        Args:
            contract: Ours, ``upgraded_by`` a dense model, or ``upgraded``.
        """
        ...

    def create_payload_index(self, field: str, schema: str, *, is_tenant: bool = False) -> None:
        """Index a payload field so that filters on it are fast; doing it twice is harmless.

        Args:
            field: Path in the payload, such as ``metadata.year``.
            schema: keyword, integer, float, bool, datetime, text, uuid or geo.
            is_tenant: Let the engine keep points of the same value together, where it can.
        """
        ...

    def bulk(self) -> AbstractContextManager[None]:
        """Return what lets the engine build indexes of dense vectors only when it is left."""
        ...

    def optimize(self) -> None:
        """Rebuild what the engine can make faster or smaller; a no-op where it does so itself."""
        ...

    def status(self) -> CollectionStatus:
        """Return what the engine says of the collection."""
        ...

    def close(self) -> None:
        """Release the engine; doing it twice is harmless."""
        ...
