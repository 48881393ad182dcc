"""What a place for a Retriever offers to coroutines: the protocol behind both hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from splade_sdk.retrieval.ingest.stream import SourceRow
from splade_sdk.types import Document, IngestReport

__all__ = ["Arguments", "Feed", "Host"]

Arguments = Mapping[str, Any]
"""Keyword arguments of a method of Retriever, by name."""


class Feed(Protocol):
    """An ingest under way: takes documents, gives the report."""

    @property
    def outcome(self) -> Future[IngestReport]:
        """The report, or what the ingest raised."""

    def put(self, documents: Sequence[Document | SourceRow]) -> None:
        """Hand over the next documents; called for each that was asked for, from any thread.

        Raises:
            InvalidDocumentError: if one cannot be handed over.
        """

    def finish(self) -> None:
        """Say that there are no more documents."""

    def fail(self) -> None:
        """Say that reading the documents failed, so that ``outcome`` is SourceError.

        Whole batches of what was handed over are stored before.
        """

    def stop(self) -> None:
        """End after the batch in flight: ``outcome`` is IngestStopped, if it is not there yet."""


class Host(Protocol):
    """Runs the methods of one Retriever, several at a time; no method but ``close`` blocks."""

    def call(self, method: str, arguments: Arguments) -> Future[Any]:
        """Run a method; cancelling the future drops it if it has not begun.

        Raises:
            EngineError: after ``close``, or in a fork of the process.
        """

    def ingest(self, method: str, arguments: Arguments, want: Callable[[], None]) -> Feed:
        """Run ``upsert`` or ``sync`` on documents that are fed to it.

        Args:
            method: Its name.
            arguments: All but the documents.
            want: Called from any thread, once for each chunk of documents that there is room for.

        Raises:
            EngineError: after ``close``, or in a fork of the process.
        """

    def warnings(self) -> list[Warning]:
        """Return what was warned of elsewhere since the last time, to be told here."""

    def close(self) -> None:
        """Wait for the calls under way, end ingests after their batch, release the engine."""

    def release(self) -> None:
        """Let go of the engine without waiting, as the owner is gone."""
