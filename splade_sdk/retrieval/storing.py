"""Stores prepared batches, and decides what a failure of the engine means for the next ones.

A batch the engine refuses or is too slow for is reported, and the next one is tried. A lost
connection is reported as well, unless the engine has not answered yet at all or it is the third in
a row: then it is raised. What no later batch can survive (a wrong API key, a full disk, a
closed or damaged collection) is raised at once. In every case what was stored before stays, and
running the same upsert again is harmless.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from splade_sdk.errors import (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    IndexLockedError,
)
from splade_sdk.qdrant.base import Collection
from splade_sdk.retrieval.preparing import Prepared
from splade_sdk.types import FailedBatch, IngestReport

__all__ = ["Storing"]

_HOPELESS = (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    IndexDamagedError,
    IndexLockedError,
)
_UNREACHABLE = (EngineConnectionError, EngineTimeoutError)
_UNREACHABLE_IN_A_ROW = 3


class Storing:
    """Stores one batch after the other, from one thread.

    Args:
        collection: Where to store them.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._stored = 0
        self._answered = False
        self._unreachable = 0

    def __call__(self, batch: Prepared) -> IngestReport:
        """Store what changed of a batch, and report what came of the whole of it.

        Raises:
            EngineError: if no later batch could be stored either (see the module's docstring).
        """
        self._answered |= batch.skipped > 0
        started = perf_counter()
        outcome = self._store(batch) if batch.points else IngestReport()
        return replace(
            outcome,
            skipped=batch.skipped,
            encode_s=batch.encode_s,
            store_s=batch.lookup_s + perf_counter() - started,
        )

    def _store(self, batch: Prepared) -> IngestReport:
        try:
            self._collection.upsert(batch.points)
        except _HOPELESS:
            raise
        except _UNREACHABLE as error:
            self._unreachable += 1
            if not self._answered:
                raise
            if self._unreachable >= _UNREACHABLE_IN_A_ROW:
                raise type(error)(
                    f"{error}; {self._unreachable} batches in a row failed, the {self._stored} "
                    "documents stored before stay: run the same upsert again when the engine is "
                    "back"
                ) from error
            return _failed(batch, error)
        except EngineError as error:
            self._unreachable = 0
            return _failed(batch, error)
        self._unreachable = 0
        self._answered = True
        self._stored += len(batch.points)
        empty = sum(not len(point.vector) for point in batch.points)
        return IngestReport(stored=len(batch.points), empty=empty)


def _failed(batch: Prepared, error: EngineError) -> IngestReport:
    ids = tuple(document.id for document in batch.changed)
    return IngestReport(failed=(FailedBatch(ids, error),))
