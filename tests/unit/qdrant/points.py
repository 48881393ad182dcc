"""Points for tests."""

from __future__ import annotations

from typing import Any

from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import SparseVector


def point(name: str, weights: dict[int, float] | None = None, **metadata: Any) -> Point:
    vector = SparseVector.from_dict({1: 1.0} if weights is None else weights, 64)
    return Point(point_id(name), vector, {"doc_id": name, "text": "", "metadata": metadata})


def query(weights: dict[int, float] | None = None, **kw: Any) -> SearchRequest:
    return SearchRequest(SparseVector.from_dict(weights or {1: 1.0}, 64), **kw)
