"""The engine written out in numpy: exact, in memory, and what the others are tested against."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from threading import RLock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models
from qdrant_client.local.local_collection import LocalCollection
from qdrant_client.local.payload_filters import check_filter

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.errors import EngineClosedError
from splade_sdk.idf import idf
from splade_sdk.qdrant.base import (
    CollectionStatus,
    PayloadFields,
    Point,
    Record,
    ScoredPoint,
    SearchRequest,
)
from splade_sdk.qdrant.payload import CONTENT_HASH, document_id, included
from splade_sdk.qdrant.ranking import settled, within_rounding
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.vectors import (
    first_step,
    lowest_score,
    require_points,
    require_requests,
    sparse_vectors,
    vector_name,
)
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray, read_only

__all__ = ["MemoryCollection"]


class _Postings(NamedTuple):
    """The inverted index: entry i says that the point ``ids[rows[i]]`` has ``terms[i]``."""

    ids: list[str]  # in the order of document ids
    filled: int  # points with at least one term
    terms: NDArray[np.int32]  # sorted
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]


class _Dense(NamedTuple):
    """The dense vectors, a row for each point that has one."""

    ids: list[str]  # in the order of document ids
    rows: NDArray[np.float64]


class MemoryCollection:
    """One collection in memory; see the protocol ``Collection``.

    score(q, d) = Σ_t q_t · d_t, summed in float64 and rounded to float32; with an encoder that
    asks for idf, q_t is multiplied by ln((n - df_t + 0.5) / (df_t + 0.5) + 1), where n counts the
    points that have a term at all. Dense vectors are compared one by one, after both were brought
    to length 1 if the distance is cosine. The indexes are rebuilt at the first search after a
    change.

    Args:
        fingerprint: The encoder whose vectors are stored.
        settings: How dense vectors are compared and pruned ones are made; the rest has no effect.
        dense: The model of the dense vectors, if it is to have them.
    """

    def __init__(
        self,
        fingerprint: Fingerprint,
        settings: CollectionSettings | None = None,
        dense: DenseFingerprint | None = None,
    ) -> None:
        self.contract = CollectionContract.make(fingerprint, settings, dense)
        self._points: dict[str, Point] | None = {}
        self._postings: dict[str, _Postings] = {}
        self._dense: _Dense | None = None
        self._lock = RLock()

    def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those with the same id."""
        require_points(points, self.contract, "the collection")
        with self._lock:
            stored = self._stored()
            for p in points:
                dense = None if p.dense is None else self._comparable(p.dense).astype(np.float32)
                stored[p.id] = Point(
                    p.id, p.vector, deepcopy(p.payload), None if dense is None else read_only(dense)
                )
            self._forget_indexes()

    def update(self, points: Sequence[Point], *, content_hashes: Sequence[str]) -> None:
        """Store points in place of those that are there and have one of the hashes still."""
        with self._lock:
            had = self.content_hashes([point.id for point in points])
            contract, self.contract = self.contract, self.contract.upgraded()
            try:
                self.upsert([each for each in points if had.get(each.id) in content_hashes])
            finally:
                self.contract = contract

    def keep_contract(self, contract: CollectionContract) -> None:
        """Keep another contract with the collection."""
        self._stored()
        self.contract = contract

    def search(self, request: SearchRequest) -> list[ScoredPoint]:
        """Return the best points, highest score first, ties by the document's id."""
        return self.search_batch([request])[0]

    def search_batch(self, requests: Sequence[SearchRequest]) -> list[list[ScoredPoint]]:
        """Answer several searches, in order."""
        require_requests(requests, self.contract, "the collection")
        with self._lock:
            self._stored()
            return [self._search(request) for request in requests]

    def _search(self, request: SearchRequest) -> list[ScoredPoint]:
        stored, candidates = self._stored(), self._candidates(request)
        lowest = None if request.score_threshold is None else lowest_score(request.score_threshold)
        wanted = request.offset + request.limit
        hits: list[ScoredPoint] = []
        for each, score in self._ranking(request):
            if lowest is not None and score < lowest:
                break
            if len(hits) > wanted and not within_rounding(hits[-1].score, float(score)):
                break
            point = stored[each]
            if (candidates is None or each in candidates) and self._meets(point, request.filter):
                hits.append(ScoredPoint(each, float(score), point.payload))
        if isinstance(request.vector, SparseVector):
            hits = settled(hits)
        return [
            replace(hit, payload=record.payload, vector=record.vector, dense=record.dense)
            for hit in hits[request.offset : wanted]
            for record in [_record(stored[hit.id], request.with_vectors, request.with_payload)]
        ]

    def get(
        self,
        ids: Sequence[str],
        *,
        with_payload: PayloadFields = True,
        with_vectors: bool = False,
    ) -> list[Record]:
        """Return the points that exist among ``ids``, in the order of ``ids``."""
        with self._lock:
            stored = self._stored()
            return [
                _record(stored[each], with_vectors, with_payload) for each in ids if each in stored
            ]

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
                ids = [point.id for point in stored.values() if self._meets(point, ids)]
            for each in ids:
                stored.pop(each, None)
            self._forget_indexes()

    def count(self, filter: models.Filter | None = None) -> int:  # noqa: A002 - Qdrant's name
        """Count the points that meet the filter."""
        with self._lock:
            return sum(self._meets(point, filter) for point in self._stored().values())

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
            found = [each for each in ids[start:] if self._meets(stored[each], filter)]
            page = [_record(stored[each], with_vectors, with_payload) for each in found[:limit]]
            return page, found[limit] if len(found) > limit else None

    def create_payload_index(self, field: str, schema: str, *, is_tenant: bool = False) -> None:  # noqa: ARG002 - protocol
        """Do nothing: every filter looks at every candidate."""
        self._stored()

    def bulk(self) -> AbstractContextManager[None]:
        """Return what does nothing: indexes of dense vectors are built by ``optimize`` only."""
        return nullcontext()

    def optimize(self) -> None:
        """Do nothing."""
        self._stored()

    def status(self) -> CollectionStatus:
        """Return what there is to say."""
        return CollectionStatus(
            engine="memory", points=len(self._stored()), idf=self.contract.fingerprint.idf
        )

    def close(self) -> None:
        """Forget all points; doing it twice is harmless."""
        with self._lock:
            self._points = None
            self._forget_indexes()

    def _meets(self, point: Point, conditions: models.Filter | None) -> bool:
        if conditions is None:
            return True
        settings = self.contract.settings
        has = {settings.sparse_vector: True, settings.dense.name: point.dense is not None}
        return check_filter(conditions, point.payload, point.id, has)

    def _stored(self) -> dict[str, Point]:
        if self._points is None:
            raise EngineClosedError("the collection in memory was closed: make a new one")
        return self._points

    def _forget_indexes(self) -> None:
        self._postings = {}
        self._dense = None

    def _comparable(self, dense: FloatArray) -> NDArray[np.float64]:
        exact = dense.astype(np.float64)
        length = float(np.linalg.norm(exact))
        cosine = self.contract.settings.dense.distance == "cosine"
        return exact / length if cosine and length else exact

    def _candidates(self, request: SearchRequest) -> set[str] | None:
        """Return the points that the first of two steps chooses; None where there is one step."""
        if (first := first_step(request, self.contract)) is None:
            return None
        stored = self._stored()
        ranking = self._sparse_ranking(first.vector, first.using)
        meeting = (each for each, _ in ranking if self._meets(stored[each], request.filter))
        return set(islice(meeting, first.limit))

    def _ranking(self, request: SearchRequest) -> Iterator[tuple[str, np.float32]]:
        if isinstance(request.vector, SparseVector):
            return self._sparse_ranking(request.vector, vector_name(request, self.contract))
        return self._dense_ranking(request.vector)

    def _sparse_ranking(self, query: SparseVector, name: str) -> Iterator[tuple[str, np.float32]]:
        if name not in self._postings:
            points = sorted(self._stored().values(), key=_document_order)
            vectors = [sparse_vectors(point.vector, self.contract)[name] for point in points]
            self._postings[name] = _build([point.id for point in points], vectors)
        postings = self._postings[name]
        scores = np.zeros(len(postings.ids))
        starts = np.searchsorted(postings.terms, query.indices, side="left")
        ends = np.searchsorted(postings.terms, query.indices, side="right")
        weights = query.values.astype(np.float64)
        if self.contract.fingerprint.idf:
            weights *= idf(postings.filled, ends - starts)
        for start, end, weight in zip(starts, ends, weights, strict=True):
            scores[postings.rows[start:end]] += weight * postings.weights[start:end]
        rounded = scores.astype(np.float32)
        # Rows are in the order of ids, and a stable sort keeps that order among equals.
        order = np.argsort(-rounded, kind="stable")[: np.count_nonzero(rounded)]
        return ((postings.ids[row], rounded[row]) for row in order)

    def _dense_ranking(self, query: FloatArray) -> Iterator[tuple[str, np.float32]]:
        if self._dense is None:
            points = sorted(self._stored().values(), key=_document_order)
            having = [(point.id, point.dense) for point in points if point.dense is not None]
            rows = np.zeros((len(having), query.size))
            for row, (_, dense) in zip(rows, having, strict=True):
                row[:] = dense
            self._dense = _Dense([each for each, _ in having], rows)
        ids = self._dense.ids
        scores = (self._dense.rows @ self._comparable(query)).astype(np.float32)
        return ((ids[row], scores[row]) for row in np.argsort(-scores, kind="stable"))


def _document_order(point: Point) -> tuple[str, str]:
    return document_id(point.payload), point.id


def _build(ids: list[str], vectors: list[SparseVector]) -> _Postings:
    lengths = np.array([len(vector) for vector in vectors], dtype=np.int64)
    terms = np.concatenate([np.empty(0, np.int32), *(vector.indices for vector in vectors)])
    weights = np.concatenate([np.empty(0, np.float32), *(vector.values for vector in vectors)])
    order = np.argsort(terms, kind="stable")
    rows = np.repeat(np.arange(len(ids)), lengths)
    filled = int(np.count_nonzero(lengths))
    return _Postings(ids, filled, terms[order], rows[order], weights[order].astype(np.float64))


def _record(point: Point, with_vectors: bool, with_payload: PayloadFields = True) -> Record:
    fields = included(with_payload)
    payload = LocalCollection._process_payload(point.payload, fields) or {}
    vector, dense = (point.vector, point.dense) if with_vectors else (None, None)
    return Record(point.id, deepcopy(payload), vector, dense)
