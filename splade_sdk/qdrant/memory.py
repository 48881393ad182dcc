"""The engine written out in numpy: exact, in memory, and what the others are tested against."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from copy import deepcopy
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models
from qdrant_client.local.payload_filters import check_filter

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import EngineClosedError
from splade_sdk.qdrant.base import Point, Record, ScoredPoint, SearchRequest
from splade_sdk.qdrant.payload import CONTENT_HASH
from splade_sdk.qdrant.ranking import lowest_score, require_space
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.types import SparseVector

__all__ = ["MemoryCollection"]


class _Postings(NamedTuple):
    """The inverted index: entry i says that the point ``ids[rows[i]]`` has ``terms[i]``."""

    ids: list[str]  # sorted
    filled: int  # points with at least one term
    terms: NDArray[np.int32]  # sorted
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]


class MemoryCollection:
    """One collection in memory; see the protocol ``Collection``.

    score(q, d) = Σ_t q_t · d_t, summed in float64 and rounded to float32; with an encoder that
    asks for idf, q_t is multiplied by ln((n - df_t + 0.5) / (df_t + 0.5) + 1), where n counts the
    points that have a term at all. The index is built anew at the first search after a change.

    Args:
        fingerprint: The encoder whose vectors are stored.
        settings: Kept in the contract; nothing here depends on them.
    """

    def __init__(
        self, fingerprint: Fingerprint, settings: CollectionSettings | None = None
    ) -> None:
        self.contract = CollectionContract(
            fingerprint=fingerprint, settings=settings or CollectionSettings()
        )
        self._points: dict[str, Point] | None = {}
        self._postings: _Postings | None = None
        self._lock = RLock()

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id."""
        vectors = [point.vector for point in points]
        require_space(vectors, self.contract.fingerprint.dimensions, "the collection")
        with self._lock:
            stored = self._stored()
            stored.update((p.id, Point(p.id, p.vector, deepcopy(p.payload))) for p in points)
            self._postings = None

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points by inner product, highest first, ties by id."""
        require_space([request.vector], self.contract.fingerprint.dimensions, "the collection")
        with self._lock:
            stored = self._stored()
            wanted = request.offset + request.limit
            hits: list[ScoredPoint] = []
            for each, score in self._ranking(request.vector):
                if len(hits) == wanted or (
                    request.score_threshold is not None
                    and score < lowest_score(request.score_threshold)
                ):
                    break
                point = stored[each]
                if _meets(point, request.filter):
                    payload = deepcopy(point.payload) if request.with_payload else {}
                    vector = point.vector if request.with_vectors else None
                    hits.append(ScoredPoint(each, float(score), payload, vector))
            return hits[request.offset :]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches, in order."""
        self._stored()
        return [self.search(request) for request in requests]

    def get(self, ids: Sequence[str], *, with_vectors: bool = False) -> list[Record]:
        """Return the points that exist among ``ids``, in the order asked for."""
        with self._lock:
            stored = self._stored()
            return [_record(stored[each], with_vectors) for each in ids if each in stored]

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the content hash of each point that exists among ``ids`` and has one, by id."""
        with self._lock:
            stored = self._stored()
            return {
                each: stored[each].payload[CONTENT_HASH]
                for each in ids
                if each in stored and CONTENT_HASH in stored[each].payload
            }

    def delete(self, ids: Sequence[str] | models.Filter) -> None:
        """Delete by id or by filter; ids that do not exist are ignored."""
        with self._lock:
            stored = self._stored()
            if isinstance(ids, models.Filter):
                ids = [point.id for point in stored.values() if _meets(point, ids)]
            for each in ids:
                stored.pop(each, None)
            self._postings = None

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count the points that meet the filter."""
        with self._lock:
            return sum(_meets(point, filter) for point in self._stored().values())

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
        with self._lock:
            stored = self._stored()
            ids = sorted(stored)
            start = bisect_left(ids, offset) if offset else 0
            found = [each for each in ids[start:] if _meets(stored[each], filter)]
            page = [_record(stored[each], with_vectors, with_payload) for each in found[:limit]]
            return page, found[limit] if len(found) > limit else None

    def create_payload_index(self, field: str, schema: str) -> None:  # noqa: ARG002 - protocol
        """Do nothing: every filter looks at every candidate."""
        self._stored()

    def optimize(self) -> None:
        """Do nothing."""
        self._stored()

    def close(self) -> None:
        """Forget all points; doing it twice is harmless."""
        with self._lock:
            self._points = self._postings = None

    def _stored(self) -> dict[str, Point]:
        if self._points is None:
            raise EngineClosedError("the collection in memory was closed: make a new one")
        return self._points

    def _ranking(self, query: SparseVector) -> Iterator[tuple[str, np.float32]]:
        if self._postings is None:
            self._postings = _build(self._stored())
        postings = self._postings
        scores = np.zeros(len(postings.ids))
        starts = np.searchsorted(postings.terms, query.indices, side="left")
        ends = np.searchsorted(postings.terms, query.indices, side="right")
        weights = query.values.astype(np.float64)
        if self.contract.fingerprint.idf:
            df = ends - starts
            weights *= np.log((postings.filled - df + 0.5) / (df + 0.5) + 1)
        for start, end, weight in zip(starts, ends, weights, strict=True):
            scores[postings.rows[start:end]] += weight * postings.weights[start:end]
        rounded = scores.astype(np.float32)
        # Rows are in the order of ids, and a stable sort keeps that order among equals.
        order = np.argsort(-rounded, kind="stable")[: np.count_nonzero(rounded)]
        return ((postings.ids[row], rounded[row]) for row in order)


def _build(points: dict[str, Point]) -> _Postings:
    ids = sorted(points)
    vectors = [points[each].vector for each in ids]
    lengths = np.array([len(vector) for vector in vectors], dtype=np.int64)
    terms = np.concatenate([np.empty(0, np.int32), *(vector.indices for vector in vectors)])
    weights = np.concatenate([np.empty(0, np.float32), *(vector.values for vector in vectors)])
    order = np.argsort(terms, kind="stable")
    rows = np.repeat(np.arange(len(ids)), lengths)
    filled = int(np.count_nonzero(lengths))
    return _Postings(ids, filled, terms[order], rows[order], weights[order].astype(np.float64))


def _meets(point: Point, conditions: models.Filter | None) -> bool:
    if conditions is None:
        return True
    has: dict[str, Any] = {}
    return check_filter(conditions, point.payload, point.id, has)


def _record(point: Point, with_vectors: bool, with_payload: bool = True) -> Record:
    payload = deepcopy(point.payload) if with_payload else {}
    return Record(point.id, payload, point.vector if with_vectors else None)
