"""ProcessHost: a Retriever in a process of its own, for engines that hold this one up."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

from splade_sdk.errors import (
    ConfigError,
    EngineClosedError,
    InvalidDocumentError,
    InvalidTypeError,
)
from splade_sdk.retrieval.hosting.base import Arguments
from splade_sdk.retrieval.hosting.messages import PROTOCOL, Message
from splade_sdk.retrieval.hosting.threads import closed_error, require_process
from splade_sdk.retrieval.hosting.worker_process import Call, WorkerProcess
from splade_sdk.retrieval.ingest.stream import SourceRow
from splade_sdk.types import Document, IngestReport

__all__ = ["ProcessHost"]

_EXIT_S = 10.0
_FILES = ("path", "checkpoint", "dead_letter")


class ProcessHost:
    """Runs the calls of a Retriever in a worker process; see the protocol ``Host``.

    The process starts with the first call. If it dies, the calls that wait fail with an
    EngineError, and the next one starts another.

    Args:
        settings: The arguments of Retriever.
        shown: What to call it in messages.
        max_concurrency: Ingests under way at most, and other calls at most; what is more waits.
    """

    def __init__(self, settings: Arguments, shown: str, max_concurrency: int) -> None:
        self._settings = _absolute(settings)
        self._shown = shown
        self._max_concurrency = max_concurrency
        self._process = os.getpid()
        self._numbers = count(1)
        self._warnings: SimpleQueue[Warning] = SimpleQueue()
        self._worker: WorkerProcess | None = None
        # Starting a process, pickling, and a full pipe all block: one thread does it, in order.
        self._sender = ThreadPoolExecutor(1, "splade-async-requests")
        self._closed = False
        self._lock = Lock()

    def call(self, method: str, arguments: Arguments) -> Future[Any]:
        """Run a method in the worker process."""
        call = Call(next(self._numbers))
        self._submit(partial(self._begin, call, "call", method, arguments))
        call.future.add_done_callback(partial(self._drop, call.number))
        return call.future

    def ingest(self, method: str, arguments: Arguments, want: Callable[[], None]) -> _ProcessFeed:
        """Run ``upsert`` or ``sync`` in the worker process."""
        call = Call(next(self._numbers), want)
        self._submit(partial(self._begin, call, "ingest", method, _absolute(arguments)))
        return _ProcessFeed(call, self._tell)

    def warnings(self) -> list[Warning]:
        """Return what the worker warned of since the last time."""
        told = []
        with suppress(Empty):
            while True:
                told.append(self._warnings.get_nowait())
        return told

    def close(self) -> None:
        """Let the worker finish its calls and release the engine, and wait until it has ended."""
        self._end(WorkerProcess.close)
        self._sender.shutdown()

    def release(self) -> None:
        """Let the worker release the engine and end, without waiting for it."""
        try:
            self._end(WorkerProcess.hang_up)
        except RuntimeError:  # the interpreter is ending, and threads begin nothing new
            if self._worker is not None:
                self._worker.hang_up(wait_s=_EXIT_S)
        self._sender.shutdown(wait=False)

    def _end(self, how: Callable[[WorkerProcess], None]) -> None:
        if os.getpid() != self._process:
            return
        with self._lock:
            if not self._closed:
                self._closed = True
                self._sender.submit(self._with_worker, how)

    def _submit(self, act: Callable[[], None]) -> None:
        require_process(self._process)
        with self._lock:
            if self._closed:
                raise closed_error()
            self._sender.submit(act)

    def _tell(self, message: Message) -> None:
        """Send a message about a call to the worker; one that does not know it ignores it."""
        with suppress(EngineClosedError):
            self._submit(partial(self._with_worker, lambda worker: worker.tell(message)))

    def _with_worker(self, act: Callable[[WorkerProcess], None]) -> None:
        if self._worker is not None:
            act(self._worker)

    def _drop(self, number: int, future: Future[Any]) -> None:
        if future.cancelled():
            self._tell(Message("drop", number))

    def _begin(self, call: Call, kind: str, method: str, arguments: Arguments) -> None:
        """Send a call, to a new worker where there is none."""
        if call.future.cancelled():
            return
        try:
            body = _dump(f"the arguments of {method}", (method, dict(arguments)))
            while self._worker is None or not self._worker.begin(call, kind, body):
                self._worker = self._start()
        except Exception as error:  # noqa: BLE001 - told to the caller
            call.answer(None, error)

    def _start(self) -> WorkerProcess:
        parts = {name: _dump_setting(name, value) for name, value in self._settings.items()}
        opening = pickle.dumps((parts, self._max_concurrency), PROTOCOL)
        kept = "gone, as it was in memory" if self._settings["path"] is None else "still there"
        return WorkerProcess(opening, self._shown, self._warnings.put, stored_is=kept)


class _ProcessFeed:
    """An ingest in the worker process; see the protocol ``Feed``."""

    def __init__(self, call: Call, tell: Callable[[Message], None]) -> None:
        self.outcome: Future[IngestReport] = call.future
        self._number = call.number
        self._tell = tell

    def put(self, documents: Sequence[Document | SourceRow]) -> None:
        self._tell(Message("documents", self._number, _dump_documents(documents)))

    def finish(self) -> None:
        self._tell(Message("finish", self._number))

    def fail(self) -> None:
        self._tell(Message("fail", self._number))

    def stop(self) -> None:
        if not self.outcome.done():
            self._tell(Message("stop", self._number))


def _absolute(arguments: Arguments) -> dict[str, Any]:
    """Return arguments whose files do not depend on where the worker was started."""
    return {
        name: Path(value).absolute() if name in _FILES and isinstance(value, str | Path) else value
        for name, value in arguments.items()
    }


def _dump_setting(name: str, value: object) -> bytes:
    try:
        return _dump(name, value)
    except InvalidTypeError as error:
        raise ConfigError(
            f"{error}; an encoder needs a __reduce__ that tells how it is made, as SpladeEncoder "
            "has; or use a Qdrant server, where it stays in this process"
        ) from error


def _dump(what: str, value: object) -> bytes:
    try:
        return pickle.dumps(value, PROTOCOL)
    except Exception as error:
        raise InvalidTypeError(
            f"{what} cannot be sent to the worker process of an AsyncRetriever "
            f"({type(error).__name__}: {error})"
        ) from error


def _dump_documents(documents: Sequence[Document | SourceRow]) -> bytes:
    try:
        return pickle.dumps(documents, PROTOCOL)
    except Exception:  # noqa: BLE001 - a mapping that is no dict, or no JSON: found out one by one
        return pickle.dumps([_plain(document) for document in documents], PROTOCOL)


def _plain(row: Document | SourceRow) -> Document | SourceRow:
    if isinstance(row, SourceRow):
        return row
    plain = replace(row, metadata=dict(row.metadata))
    try:
        pickle.dumps(plain, PROTOCOL)
    except Exception as error:  # noqa: BLE001 - whatever pickling the caller's objects raises
        wrong = InvalidDocumentError(
            f"metadata of document {row.id!r} cannot be sent to the worker process "
            f"({type(error).__name__}: {error}): expected JSON values"
        )
        return SourceRow(f"document {row.id!r}", error=wrong, id=row.id)
    return plain
