"""Reads documents in chunks, off the event loop where they come from a plain iterable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextvars import copy_context
from typing import ParamSpec, Protocol, TypeVar

from splade_sdk.retrieval.hosting.base import Feed
from splade_sdk.retrieval.ingest.stream import SourceRow, as_row, document_size, iterate
from splade_sdk.types import Document

__all__ = ["Source", "source_of"]

P = ParamSpec("P")
T = TypeVar("T")

_CHUNK = 64
_CHUNK_BYTES = 500_000


class Source(Protocol):
    """Documents to be read."""

    async def give(self, feed: Feed) -> bool:
        """Read a chunk and hand it over; returns False where there is none any more.

        Raises:
            Exception: what reading raises, after what was read before has been handed over.
        """


def source_of(
    documents: Iterable[Document] | AsyncIterable[Document], batch_size: object, reading: Executor
) -> Source:
    """Return the source of documents.

    Args:
        documents: An iterable is read in a thread, since it may block; an async one in the loop.
        batch_size: Documents that are stored at once: no chunk is larger, so that none waits.
        reading: The threads; they hand the chunks over, too, which takes time where they are sent.
    """
    small = isinstance(batch_size, int) and 0 < batch_size < _CHUNK
    threads = _Threads(reading)
    chunk = _Chunk(batch_size if isinstance(batch_size, int) and small else _CHUNK)
    if isinstance(documents, AsyncIterable):
        return _AsyncSource(documents, chunk, threads)
    return _ThreadSource(documents, chunk, threads)


class _Threads:
    """Runs functions in threads, all in one copy of the caller's context, one at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._context = copy_context()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, lambda: self._context.run(call, *args, **kwargs)
        )


class _Chunk:
    """Documents that are handed over together, and the error that came after them."""

    def __init__(self, documents: int) -> None:
        self._full = documents
        self._documents: list[Document | SourceRow] = []
        self._size = 0
        self._failure: Exception | None = None

    def add(self, document: Document | SourceRow) -> bool:
        """Add a document; returns whether that is enough."""
        self._documents.append(document)
        if isinstance(document, Document):
            self._size += document_size(document)
        return len(self._documents) >= self._full or self._size >= _CHUNK_BYTES

    def fail(self, error: Exception) -> None:
        """Keep an error for when there are no documents before it."""
        self._failure = error

    def take(self) -> list[Document | SourceRow]:
        """Return the documents, or raise the error if there are none."""
        if self._failure is not None and not self._documents:
            raise self._failure
        taken, self._documents, self._size = self._documents, [], 0
        return taken


class _ThreadSource:
    def __init__(self, documents: Iterable[Document], chunk: _Chunk, threads: _Threads) -> None:
        self._documents = _rows(documents)
        self._chunk = chunk
        self._threads = threads

    async def give(self, feed: Feed) -> bool:
        return await self._threads.run(self._give, feed)

    def _give(self, feed: Feed) -> bool:
        try:
            for document in self._documents:
                if self._chunk.add(document):
                    break
        except Exception as error:  # noqa: BLE001 - the caller's own, raised again by take
            self._chunk.fail(error)
        taken = self._chunk.take()
        if taken:
            feed.put(taken)
        return bool(taken)


class _AsyncSource:
    def __init__(
        self, documents: AsyncIterable[Document], chunk: _Chunk, threads: _Threads
    ) -> None:
        self._documents = _async_rows(documents)
        self._chunk = chunk
        self._threads = threads

    async def give(self, feed: Feed) -> bool:
        try:
            async for document in self._documents:
                if self._chunk.add(document):
                    break
        except Exception as error:  # noqa: BLE001 - the caller's own, raised again by take
            self._chunk.fail(error)
        taken = self._chunk.take()
        if taken:
            await self._threads.run(feed.put, taken)
        return bool(taken)


def _rows(documents: Iterable[Document]) -> Iterator[Document | SourceRow]:
    for position, item in enumerate(iterate(documents)):
        yield as_row(item, position)


async def _async_rows(
    documents: AsyncIterable[Document],
) -> AsyncIterator[Document | SourceRow]:
    position = 0
    async for item in documents:
        yield as_row(item, position)
        position += 1
