"""The caller's document id -> Qdrant's point id; pure."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID

__all__ = ["NAMESPACE", "point_id"]

NAMESPACE = UUID("5b1f1a4e-8f0c-5c0e-9d35-7a5c6f2b9e11")
"""Namespace of all point ids; changing it would orphan every stored point."""

_NAMESPACE = NAMESPACE.bytes


def point_id(document_id: str) -> str:
    """Return the UUID (version 5) under which a document is stored.

    Qdrant takes only whole numbers and UUIDs. Hashing every id, even one that is a UUID already,
    means that no two document ids can ever share a point.

    Args:
        document_id: The caller's own id.
    """
    # Equal to str(uuid5(...)), and faster.
    made = sha1(_NAMESPACE + document_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(made[16], 16) & 3]
    return f"{made[:8]}-{made[8:12]}-5{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"
