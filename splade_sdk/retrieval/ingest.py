"""Encodes and stores batches of documents, one after the other.

What an engine failure does depends on what it says of the batches to come. A batch the engine
refuses or is too slow for is reported, and the next one is tried. A lost connection is reported
as well, unless nothing has been stored yet or it is the third in a row: then it is raised. What
no later batch can survive (a wrong API key, a closed or damaged collection) is raised at once.
In every case what was stored before stays, and running the same upsert again is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Protocol

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    IndexLockedError,
    InvalidVectorError,
)
from splade_sdk.qdrant.base import Collection, Point
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.types import Document, FailedBatch, IngestReport, SparseVector

__all__ = ["Progress", "ingest"]

_HOPELESS = (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    EngineClosedError,
    IndexDamagedError,
    IndexLockedError,
)
_UNREACHABLE = (EngineConnectionError, EngineTimeoutError)
_UNREACHABLE_IN_A_ROW = 3


class Progress(Protocol):
    """What is told how far an ingest is, such as a tqdm bar."""

    def update(self, n: int) -> object:
        """Take note of ``n`` more documents."""


def ingest(
    batches: Iterable[Sequence[Document]],
    *,
    collection: Collection,
    encoder: SparseEncoder,
    progress: Progress,
) -> IngestReport:
    """Store every batch and report what came of it.

    Args:
        batches: Documents with distinct ids within a batch.
        collection: Where to store them.
        encoder: Makes the vectors of documents that bring none.
        progress: Told the number of documents after each batch.

    Raises:
        InvalidDocumentError: if metadata cannot be stored as JSON.
        InvalidVectorError: if a ready-made vector is not of the encoder's space.
        EngineError: if no later batch could be stored either (see the module's docstring).
    """
    report = IngestReport()
    unreachable = 0
    for batch in batches:
        started = perf_counter()
        points = _points(batch, encoder)
        encoded = perf_counter()
        outcome, unreachable = _store(batch, points, collection, report.stored, unreachable)
        report += outcome + IngestReport(
            encode_s=encoded - started, store_s=perf_counter() - encoded
        )
        progress.update(len(batch))
    return report


def _points(batch: Sequence[Document], encoder: SparseEncoder) -> list[Point]:
    payloads = [to_payload(document) for document in batch]
    return [
        Point(point_id(document.id), vector, payload)
        for document, vector, payload in zip(batch, _vectors(batch, encoder), payloads, strict=True)
    ]


def _vectors(batch: Sequence[Document], encoder: SparseEncoder) -> list[SparseVector]:
    for document in batch:
        vector = document.vector
        if vector is not None and vector.dimensions != encoder.dimensions:
            raise InvalidVectorError(
                f"vector of document {document.id!r} has {vector.dimensions} dimensions, but the "
                f"encoder {encoder.fingerprint.model!r} has {encoder.dimensions}: use vectors of "
                "this encoder, or none to have the text encoded"
            )
    texts = [document.text for document in batch if document.vector is None]
    made = iter(encoder.encode_document(texts, show_progress_bar=False) if texts else ())
    return [next(made) if document.vector is None else document.vector for document in batch]


def _store(
    batch: Sequence[Document],
    points: list[Point],
    collection: Collection,
    stored: int,
    unreachable: int,
) -> tuple[IngestReport, int]:
    """Return what came of the batch, and how many batches in a row found no engine."""
    try:
        collection.upsert(points)
    except _HOPELESS:
        raise
    except _UNREACHABLE as error:
        unreachable += 1
        if not stored:
            raise
        if unreachable >= _UNREACHABLE_IN_A_ROW:
            raise type(error)(
                f"{error}; {unreachable} batches in a row failed, the {stored} documents stored "
                "before stay: run the same upsert again when the engine is back"
            ) from error
        return _failed(batch, error), unreachable
    except EngineError as error:
        return _failed(batch, error), 0
    empty = sum(not len(point.vector) for point in points)
    return IngestReport(stored=len(points), empty=empty), 0


def _failed(batch: Sequence[Document], error: EngineError) -> IngestReport:
    ids = tuple(document.id for document in batch)
    return IngestReport(failed=(FailedBatch(ids, error),))
