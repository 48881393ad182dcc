"""The state of a collection, as its engine tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CollectionStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStatus:
    """What an engine says of a collection.

    Attributes:
        engine: What it is, with its version where that is known, such as ``Qdrant 1.19.0``.
        points: Number of points.
        indexed_fields: Paths in the payload that have an index, with their kind.
        idf: Whether the engine multiplies query weights by the inverse document frequency; None
            where it does not say.
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
