"""WorkerProcess: one process that holds a Retriever, and the calls that wait for its answers."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, BinaryIO, cast

from splade_sdk.errors import ConfigError, EngineError
from splade_sdk.retrieval.hosting.messages import (
    Message,
    load_error,
    read_message,
    write_message,
)

__all__ = ["Call", "WorkerProcess"]

# A fresh interpreter that finds modules where this one does; it does not run the main script.
_BOOT = (
    "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; "
    "from splade_sdk.retrieval.hosting.worker import main; main()"
)
_GRACE_S = 30.0  # from the end of its answers to the end of the process


class Call:
    """A call that waits for its answer.

    Args:
        number: Its number.
        want: Called when an ingest has room for more documents.
    """

    def __init__(self, number: int, want: Callable[[], None] = lambda: None) -> None:
        self.number = number
        self.want = want
        self.future: Future[Any] = Future()

    def answer(self, result: object, error: BaseException | None = None) -> None:
        """Give the future its result or error, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class WorkerProcess:
    """Runs until ``close``, ``hang_up``, or its death; made, and told, by one thread.

    Args:
        opening: What the worker needs to make its Retriever, pickled.
        shown: What to call the retriever in messages.
        warn: Called with each warning from the worker.
        stored_is: What becomes of stored documents if the process dies, for messages.

    Raises:
        ConfigError: in an application frozen into one executable.
        EngineError: if the process cannot be started.
    """

    def __init__(
        self, opening: bytes, shown: str, warn: Callable[[Warning], None], *, stored_is: str
    ) -> None:
        if getattr(sys, "frozen", False) or not sys.executable:
            raise ConfigError(
                f"{shown} needs a worker process, and there is no Python interpreter to start one "
                "with: use a Qdrant server, or Retriever in a thread"
            )
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-c", _BOOT, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:
            raise EngineError(f"{shown}: cannot start its worker process: {error}") from error
        self._requests = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._shown = shown
        self._warn = warn
        self._stored_is = stored_is
        self._calls: dict[int, Call] = {}
        self._lock = Lock()
        self._ended = False
        self._refusal: bytes | None = None
        self._listener = Thread(target=self._listen, name="splade-async-answers", daemon=True)
        self._listener.start()
        self.tell(Message("open", body=opening))

    def begin(self, call: Call, kind: str, body: bytes) -> bool:
        """Send a call; returns False if the process has ended, and the call was not sent."""
        with self._lock:
            if self._ended:
                return False
            self._calls[call.number] = call
        self.tell(Message(kind, call.number, body))
        return True

    def tell(self, message: Message) -> None:
        """Send a message; where the process has ended, nothing happens."""
        with suppress(OSError, ValueError):  # whoever waits hears of it from the listener
            write_message(self._requests, message)

    def close(self) -> None:
        """Let the process finish its calls and release the engine, and wait until it has ended."""
        self.tell(Message("close"))
        self._listener.join()

    def hang_up(self, wait_s: float = 0.0) -> None:
        """Let the process release the engine and end, and wait so many seconds for it."""
        with suppress(OSError):
            self._requests.close()
        self._listener.join(wait_s)

    def _listen(self) -> None:
        while (message := read_message(self._answers)) is not None:
            self._take(message)
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        with self._lock:
            self._ended = True
            waiting, self._calls = list(self._calls.values()), {}
        for pipe in (self._answers, self._requests):
            with suppress(OSError):
                pipe.close()
        for call in waiting:
            call.answer(None, self._death(code))

    def _take(self, message: Message) -> None:
        try:
            self._understand(message)
        except Exception as error:  # noqa: BLE001 - told to the caller
            self._answer(message.about, None, error)

    def _understand(self, message: Message) -> None:
        if message.kind == "warning":
            category, told = pickle.loads(message.body)  # noqa: S301 - from our own child
            self._warn(category(told))
        elif message.about == 0:
            self._refusal = message.body or None
        elif message.kind == "want":
            with self._lock:
                call = self._calls.get(message.about)
            if call is not None:
                call.want()
        elif message.kind == "error":
            self._answer(message.about, None, load_error(message.body))
        else:
            self._answer(message.about, pickle.loads(message.body))  # noqa: S301 - the same

    def _answer(self, number: int, result: object, error: BaseException | None = None) -> None:
        with self._lock:
            call = self._calls.pop(number, None)
        if call is not None:
            call.answer(result, error)

    def _death(self, code: int) -> BaseException:
        if self._refusal is not None:
            return load_error(self._refusal)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return EngineError(
            f"{self._shown}: its worker process {self._process.pid} {how}, so that this call has "
            f"no answer; what was stored is {self._stored_is}, and the next call starts a new "
            "process: call again"
        )
