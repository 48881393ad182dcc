"""Feeds the documents of any iterable or async iterable to an ingest, as fast as it takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

from splade_sdk.retrieval.hosting.base import Arguments, Feed, Host
from splade_sdk.retrieval.hosting.sources import Source, source_of
from splade_sdk.retrieval.hosting.stream import SourceError
from splade_sdk.types import Document, IngestReport

__all__ = ["ingest"]


async def ingest(
    host: Host,
    method: str,
    documents: Iterable[Document] | AsyncIterable[Document],
    arguments: Arguments,
    reading: Executor,
) -> IngestReport:
    """Run an ingest.

    Cancelled, this waits until the ingest has stopped, which it does after the batch in flight, and
    the CancelledError has the report; cancelled once more, it waits no longer.

    Args:
        host: Where the retriever is.
        method: ``upsert`` or ``sync``.
        documents: What is stored.
        arguments: The rest.
        reading: Threads that iterables are read in.

    Raises:
        Exception: what the ingest raises, or what reading the documents raises; both with the
            attribute ``report``, as with ``Retriever.upsert``.
    """
    loop = asyncio.get_running_loop()
    wanted = asyncio.Semaphore(0)

    def want() -> None:
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(wanted.release)

    source = source_of(documents, arguments.get("batch_size"), reading)
    feed = host.ingest(method, arguments, want)
    outcome = asyncio.wrap_future(feed.outcome)
    reader = asyncio.create_task(_read(source, feed, wanted))
    both: set[asyncio.Future[Any]] = {outcome, reader}
    for each in both:  # or asyncio complains of errors that nobody waits for any more
        each.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not outcome.done() and (failure := reader.exception()) is not None:
            feed.fail()
            await _raise_failure(failure, outcome)
        return await asyncio.shield(outcome)
    except asyncio.CancelledError as error:
        feed.stop()
        await asyncio.wait({outcome})
        _tell(error, None if outcome.cancelled() else outcome.exception())
        raise
    finally:
        feed.stop()
        reader.cancel()


async def _read(source: Source, feed: Feed, wanted: asyncio.Semaphore) -> None:
    """Hand over a chunk whenever one is wanted."""
    while True:
        await wanted.acquire()
        if not await source.give(feed):
            feed.finish()
            return


async def _raise_failure(failure: BaseException, outcome: asyncio.Future[IngestReport]) -> None:
    """Raise what reading raised; or what storing raised before it came to that."""
    try:
        await asyncio.shield(outcome)
    except SourceError as ended:
        _tell(failure, ended)
    raise failure


def _tell(error: BaseException, ended: BaseException | None) -> None:
    """Give an error what the one that ended the ingest has: the report, and its note."""
    if (report := getattr(ended, "report", None)) is not None:
        error.report = report  # type: ignore[attr-defined]  # also of errors that are not ours
        if hasattr(error, "add_note"):
            for note in getattr(ended, "__notes__", ()):
                error.add_note(note)
