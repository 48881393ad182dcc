"""ThreadHost: a Retriever in this process, its calls in threads of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import Any

from splade_sdk.errors import EngineClosedError, ForkedProcessError
from splade_sdk.retrieval.hosting.base import Arguments
from splade_sdk.retrieval.hosting.stream import DocumentStream, IngestStopped
from splade_sdk.retrieval.ingest.stream import SourceRow
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, IngestReport

__all__ = ["ThreadFeed", "ThreadHost", "closed_error", "require_process"]


def closed_error() -> EngineClosedError:
    """Return the error of a host that was closed."""
    return EngineClosedError("the retriever was closed: make a new AsyncRetriever")


def require_process(process: int) -> None:
    """Raise ForkedProcessError in a fork of a process: its threads and pipes stayed behind."""
    if os.getpid() != process:
        raise ForkedProcessError(
            f"the retriever was made in process {process}, this is its fork {os.getpid()}: an "
            "AsyncRetriever does not survive fork(); make it in the process that uses it"
        )


class ThreadHost:
    """Runs the calls of a Retriever in threads; see the protocol ``Host``.

    Ingests have threads of their own, so that searches are answered while some run, and documents
    may be made of what searches find.

    Args:
        retriever: Closed with this object.
        max_concurrency: Ingests under way at most, and other calls at most; what is more waits.
    """

    def __init__(self, retriever: Retriever, max_concurrency: int) -> None:
        self._retriever = retriever
        self._process = os.getpid()
        self._calls = ThreadPoolExecutor(max_concurrency, "splade-async")
        self._ingests = ThreadPoolExecutor(max_concurrency, "splade-async-ingest")
        self._feeds: set[ThreadFeed] = set()
        self._closed = False
        self._lock = Lock()

    def call(self, method: str, arguments: Arguments) -> Future[Any]:
        """Run a method in a thread, in a copy of the caller's context."""
        with self._open():
            return self._calls.submit(self._bound(method, arguments))

    def ingest(self, method: str, arguments: Arguments, want: Callable[[], None]) -> ThreadFeed:
        """Run ``upsert`` or ``sync`` in a thread, in a copy of the caller's context."""
        stream = DocumentStream(want)
        with self._open():
            outcome = self._ingests.submit(self._bound(method, {"documents": stream, **arguments}))
            feed = ThreadFeed(stream, outcome)
            self._feeds.add(feed)
        outcome.add_done_callback(lambda _: self._feeds.discard(feed))
        return feed

    def warnings(self) -> list[Warning]:
        """Return nothing: threads warn where everyone sees it."""
        return []

    def close(self) -> None:
        """Wait for the calls under way, end ingests after their batch, release the engine."""
        self._stop()
        self._ingests.shutdown()
        self._calls.shutdown()
        self._retriever.close()

    def release(self) -> None:
        """Let threads end when they are done; the engine goes with its last user."""
        if os.getpid() == self._process:
            self._stop()
            self._ingests.shutdown(wait=False)
            self._calls.shutdown(wait=False)

    def _stop(self) -> None:
        with self._lock:
            self._closed = True
            feeds = list(self._feeds)
        for feed in feeds:
            feed.end(closed_error())

    def _bound(self, method: str, arguments: Arguments) -> Callable[[], Any]:
        """Return a method with its arguments, to be run in a copy of the caller's context."""
        return partial(copy_context().run, partial(getattr(self._retriever, method), **arguments))

    @contextmanager
    def _open(self) -> Iterator[None]:
        require_process(self._process)
        with self._lock:
            if self._closed:
                raise closed_error()
            yield


class ThreadFeed:
    """An ingest in a thread; see the protocol ``Feed``.

    Args:
        stream: What it reads.
        outcome: Its future.
    """

    def __init__(self, stream: DocumentStream, outcome: Future[IngestReport]) -> None:
        self.outcome = outcome
        self._stream = stream

    def put(self, documents: Sequence[Document | SourceRow]) -> None:
        """Hand over the next documents."""
        self._stream.put(documents)

    def finish(self) -> None:
        """Say that there are no more documents."""
        self._stream.finish()

    def fail(self) -> None:
        """Say that reading the documents failed."""
        self._stream.finish(failed=True)

    def stop(self) -> None:
        """End after the batch in flight."""
        if not self.outcome.cancel():  # it has begun
            self.end(IngestStopped())

    def end(self, reason: BaseException) -> None:
        """End after the batch in flight, with an error."""
        self._stream.stop(reason)
