"""What runs in the worker process: a Retriever, whose methods the owner calls over a pipe.

It ends when its owner closes the pipe, or ends, however that comes about.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Any, BinaryIO, TextIO

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.retrieval.hosting.messages import (
    Message,
    dump_error,
    dump_result,
    read_message,
    write_message,
)
from splade_sdk.retrieval.hosting.stream import IngestStopped
from splade_sdk.retrieval.hosting.threads import ThreadFeed, ThreadHost
from splade_sdk.retrieval.retriever import Retriever

__all__ = ["main"]

_WATCH_EVERY_S = 1.0
_GRACE_S = 10.0  # to flush and to release the folder, once the owner is gone


def main() -> None:
    """Serve the owner at the other end of stdin and stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner to act on
    requests, answers = _take_pipes()
    owner = _Owner(answers)
    warnings.showwarning = owner.warn
    opening = read_message(requests)
    if opening is None:
        return
    try:
        host = _open(opening)
    except Exception as error:  # noqa: BLE001 - told to the owner
        owner.tell("error", 0, dump_error(error))
        return
    # The pipe alone would not tell, where a fork of the owner still holds its end.
    Thread(target=_watch, args=(os.getppid(), host), daemon=True).start()
    if _Desk(host, owner).serve(requests):
        host.close()
    else:
        _leave(host)


def _watch(owner: int, host: ThreadHost) -> None:
    while os.getppid() == owner:
        time.sleep(_WATCH_EVERY_S)
    _leave(host)


def _leave(host: ThreadHost) -> None:
    """Release the folder and end, whatever the calls under way do."""
    closing = Thread(target=host.close, daemon=True)
    closing.start()
    closing.join(_GRACE_S)
    os._exit(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout, and leave others in their place: anybody may print or read."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _open(opening: Message) -> ThreadHost:
    parts, max_concurrency = pickle.loads(opening.body)  # noqa: S301 - from our own parent
    try:
        made = {name: _load(part, name) for name, part in parts.items()}
    except InvalidTypeError as error:
        raise ConfigError(str(error)) from error
    return ThreadHost(Retriever(**made), max_concurrency)


def _load(body: bytes, what: str) -> Any:
    try:
        return pickle.loads(body)  # noqa: S301 - from our own parent
    except (AttributeError, ImportError) as error:
        raise InvalidTypeError(
            f"{what} cannot be made in the worker process of an AsyncRetriever, which does not run "
            f"the main script ({error}): define its class in a module that can be imported"
        ) from error


def _put(feed: ThreadFeed, body: bytes) -> None:
    try:
        feed.put(_load(body, "the metadata of a document"))
    except InvalidTypeError as error:
        feed.end(error)


class _Owner:
    """The other end of the pipe; told from any thread."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._lock = Lock()

    def tell(self, kind: str, about: int = 0, body: bytes = b"") -> None:
        with self._lock, suppress(OSError):  # an owner that is gone is noticed where it is read
            write_message(self._answers, Message(kind, about, body))

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,  # noqa: ARG002 - the signature of warnings.showwarning
        lineno: int,  # noqa: ARG002
        file: TextIO | None = None,  # noqa: ARG002
        line: str | None = None,  # noqa: ARG002
    ) -> None:
        self.tell("warning", body=pickle.dumps((category, str(message))))

    def answer(self, about: int, future: Future[Any]) -> None:
        try:
            kind, body = "result", dump_result(future.result())
        except CancelledError:  # before it began
            kind, body = "error", dump_error(IngestStopped())
        except BaseException as error:  # noqa: BLE001 - told to the owner
            kind, body = "error", dump_error(error)
        self.tell(kind, about, body)


class _Desk:
    """Takes the owner's messages, and none of them for long: the rest happens in threads."""

    def __init__(self, host: ThreadHost, owner: _Owner) -> None:
        self._host = host
        self._owner = owner
        self._calls: dict[int, Future[Any]] = {}
        self._feeds: dict[int, ThreadFeed] = {}

    def serve(self, requests: BinaryIO) -> bool:
        """Serve until the owner closes, and return True; or is gone, and return False."""
        while (message := read_message(requests)) is not None:
            if message.kind == "close":
                return True
            try:
                self._take(message)
            except Exception as error:  # noqa: BLE001 - told to the owner
                self._owner.tell("error", message.about, dump_error(error))
        return False

    def _take(self, message: Message) -> None:
        about = message.about
        if message.kind in ("call", "ingest"):
            self._begin(message)
        elif message.kind == "drop":
            if about in self._calls:
                self._calls[about].cancel()
        elif feed := self._feeds.get(about):
            acts: dict[str, Callable[[], None]] = {
                "documents": partial(_put, feed, message.body),
                "finish": feed.finish,
                "fail": feed.fail,
                "stop": feed.stop,
            }
            acts[message.kind]()

    def _begin(self, message: Message) -> None:
        about = message.about
        method, arguments = _load(message.body, "an argument")
        if message.kind == "ingest":
            want = partial(self._owner.tell, "want", about)
            self._feeds[about] = feed = self._host.ingest(method, arguments, want)
            future: Future[Any] = feed.outcome
        else:
            self._calls[about] = future = self._host.call(method, arguments)
        future.add_done_callback(partial(self._end, about))

    def _end(self, about: int, future: Future[Any]) -> None:
        self._calls.pop(about, None)
        self._feeds.pop(about, None)
        self._owner.answer(about, future)
