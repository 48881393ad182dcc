"""The documents of an ingest on their way to it, in chunks, from another thread or process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

from splade_sdk.errors import SpladeError
from splade_sdk.retrieval.ingest.stream import SourceRow
from splade_sdk.types import Document

__all__ = ["AHEAD", "DocumentStream", "IngestStopped", "SourceError"]

AHEAD = 3
"""Chunks asked for before the first is used up."""


class SourceError(SpladeError):
    """Reading the documents failed on the other side, where the error is."""


class IngestStopped(BaseException):
    """The ingest is to end after the batch in flight.

    Not an Exception, so that batches that wait are dropped, as with a KeyboardInterrupt.
    """


class DocumentStream:
    """Iterates over documents that others put in; waits for them, and asks for no more than fit.

    Args:
        want: Called for each chunk that there is room for.
    """

    def __init__(self, want: Callable[[], None]) -> None:
        self._want = want
        self._chunks: SimpleQueue[Sequence[Document | SourceRow] | None] = SimpleQueue()
        self._failed = False
        self._stopped: BaseException | None = None

    def put(self, documents: Sequence[Document | SourceRow]) -> None:
        """Add documents."""
        self._chunks.put(documents)

    def finish(self, *, failed: bool = False) -> None:
        """Say that no more come; with ``failed``, iterating ends with SourceError."""
        self._failed = failed
        self._chunks.put(None)

    def stop(self, reason: BaseException) -> None:
        """Let iterating end at once, with ``reason``."""
        self._stopped = self._stopped or reason
        self._chunks.put(None)

    def __iter__(self) -> Iterator[Document | SourceRow]:
        for _ in range(AHEAD):
            self._want()
        while (documents := self._next()) is not None:
            self._want()
            for document in documents:
                if self._stopped is not None:
                    raise self._stopped
                yield document
        if self._failed:
            raise SourceError("reading the documents failed")

    def _next(self) -> Sequence[Document | SourceRow] | None:
        documents = self._chunks.get()
        if self._stopped is not None:
            raise self._stopped
        return documents
