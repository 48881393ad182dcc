"""What a worker process and its owner say to each other: messages over a pipe."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from splade_sdk.errors import SpladeError
from splade_sdk.retrieval.hosting.stream import IngestStopped
from splade_sdk.types import IngestReport

__all__ = ["Message", "dump_error", "dump_result", "load_error", "read_message", "write_message"]

PROTOCOL = pickle.HIGHEST_PROTOCOL


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: To the worker: ``open``, ``call``, ``ingest``, ``documents``, ``finish``, ``fail``,
            ``stop``, ``drop``, ``close``. From it: ``want``, ``result``, ``error``,
            ``warning``.
        about: Number of the call it is about; 0 for none.
        body: The rest, pickled, so that one that cannot be read spoils no other.
    """

    kind: str
    about: int = 0
    body: bytes = b""


def write_message(pipe: BinaryIO, message: Message) -> None:
    """Write a message and flush. Raises OSError where the other side is gone."""
    pickle.dump(tuple(message), pipe, PROTOCOL)
    pipe.flush()


def read_message(pipe: BinaryIO) -> Message | None:
    """Return the next message; None at the end, also where the last one was cut off."""
    try:
        return Message(*pickle.load(pipe))  # noqa: S301 - from our own child or parent
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        return None


def dump_result(result: object) -> bytes:
    """Pickle what a call returned; causes of failed batches are made fit to be sent."""
    if isinstance(result, IngestReport):
        result = _sendable_report(result)
    return pickle.dumps(result, PROTOCOL)


def dump_error(error: BaseException) -> bytes:
    """Pickle an error with its traceback, and the report that it may have."""
    report = getattr(error, "report", None)
    if isinstance(report, IngestReport):
        error.report = _sendable_report(report)  # type: ignore[attr-defined]
    told = "".join(traceback.format_exception(error))
    return pickle.dumps((_sendable(error), told), PROTOCOL)


def load_error(body: bytes) -> BaseException:
    """Return an error from the worker, caused by a WorkerTraceback."""
    error, told = pickle.loads(body)  # noqa: S301 - from our own child
    error.__cause__ = _WorkerTraceback(told)
    return error  # type: ignore[no-any-return]


class _WorkerTraceback(Exception):  # noqa: N818 - shown as the cause of an error, never raised
    """Where in the worker process an error was raised, as text."""

    def __init__(self, told: str) -> None:
        super().__init__(f'\n"""\n{told}"""')


def _sendable_report(report: IngestReport) -> IngestReport:
    return replace(
        report,
        failed=tuple(replace(each, cause=_sendable(each.cause)) for each in report.failed),
    )


def _sendable(error: Any) -> Any:
    """Return an error if it survives being sent, or one that says what it was."""
    if isinstance(error, Exception | IngestStopped) and _survives(error):
        return error
    stand_in = SpladeError(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
    kept = ("report", "__notes__")
    stand_in.__dict__.update({name: told for name, told in vars(error).items() if name in kept})
    return stand_in


def _survives(error: BaseException) -> bool:
    try:
        pickle.loads(pickle.dumps(error, PROTOCOL))  # noqa: S301 - what was just dumped
    except Exception:  # noqa: BLE001 - whatever an error's own methods raise
        return False
    return True
