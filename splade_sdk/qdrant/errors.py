"""Every error of qdrant-client, its transports and its local mode -> ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from pydantic import ValidationError
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from splade_sdk.errors import (
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    IndexDamagedError,
    IndexLockedError,
    RateLimitedError,
    RequestRejectedError,
    SpladeError,
)
from splade_sdk.http_errors import (
    Reading,
    TransportAdvice,
    excerpt,
    read_status,
    read_transport,
    to_error,
)

__all__ = ["engine_errors", "translate"]

_KEY = "check api_key, and that it may use this collection"
_LATER = "send smaller or fewer requests, or raise timeout_s"
_SLOWER = "slow down, or raise the limit of the server"
_OVERLOADED = "the server is overloaded or restarting: try again later"
_ADVICE = {
    400: "the server refused the request",
    401: _KEY,
    403: _KEY,
    404: "upsert documents first, or check the collection's name",
    408: _LATER,
    413: "the request is too large: store fewer or smaller documents",
    429: _SLOWER,
    500: "the server failed",
    502: _OVERLOADED,
    503: _OVERLOADED,
    504: _LATER,
    507: "the server has no space left",
}
_KINDS: dict[int, type[EngineError]] = {404: CollectionNotFoundError, 507: DiskFullError}
_REFUSALS = frozenset({400, 401, 403, 404, 408, 409, 413, 422, 429})
_TRANSPORT = TransportAdvice(
    timeout=_LATER,
    connection="is the server running, and is the address right?",
    address="is the server running, and is the address right?",
    answer=(
        "the answer is not one of a Qdrant server: is there a proxy or another service at this "
        "address?"
    ),
)

# The HTTP status that means the same.
_GRPC: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.DEADLINE_EXCEEDED: 408,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}


@contextmanager
def engine_errors(doing: str, secret: str | None = None) -> Iterator[None]:
    """Raise ours for whatever a call of qdrant-client raises.

    Args:
        doing: What was tried, and where; begins every message.
        secret: An API key, which is blotted out should a message repeat it.
    """
    try:
        yield
    except SpladeError:
        raise
    except Exception as error:
        raise translate(error, doing, secret) from error


def translate(error: Exception, doing: str, secret: str | None = None) -> EngineError:
    """Return our error for one of qdrant-client's.

    Args:
        error: What was raised.
        doing: What was tried, and where.
        secret: An API key, which is blotted out should the message repeat it.
    """
    return to_error(
        _read(error), doing, secret=secret, wait_s=getattr(error, "retry_after_s", None)
    )


def _read(error: Exception) -> Reading:
    if isinstance(error, ResponseHandlingException):
        return _read(error.source)
    for foreign, read in _READERS:
        if isinstance(error, foreign):
            return read(error)
    if (reading := read_transport(error, _TRANSPORT)) is not None:
        return reading
    for foreign, read in _LOCAL_READERS:
        if isinstance(error, foreign):
            return read(error)
    return Reading(EngineError, f"{type(error).__name__}: {error}", "never")


def _response(error: UnexpectedResponse) -> Reading:
    status = error.status_code or 0
    reading = read_status(status, _answer(error.content), _ADVICE, _KINDS)
    if status >= 500 or status in _REFUSALS:
        return reading
    # Not a status of Qdrant's.
    answer = f"{_ADVICE[500]} (status {error.status_code}: {_answer(error.content)})"
    return Reading(EngineError, answer, "never")


def _answer(content: bytes) -> str:
    text = content.decode(errors="replace")
    try:
        status = json.loads(text)["status"]
        return excerpt(str(status["error"] if isinstance(status, dict) else status))
    except (ValueError, KeyError, TypeError):
        return excerpt(text)


def _exhausted(error: ResourceExhaustedResponse) -> Reading:
    return Reading(RateLimitedError, f"{error}: wait {error.retry_after_s} s, then go on", "often")


def _client(error: Exception) -> Reading:
    if "Retry-After" in str(error):  # a date, which the client does not read
        return Reading(RateLimitedError, f"{error}: {_SLOWER}", "often")
    return Reading(EngineError, str(error), "never")


def _foreign_answer(error: Exception) -> Reading:
    message = f"{_TRANSPORT.answer} ({type(error).__name__})"
    return Reading(EngineConnectionError, message, "few")


def _grpc(error: Any) -> Reading:
    code = error.code() if hasattr(error, "code") else None
    answer = f"{error.details() if hasattr(error, 'details') else error}"
    name = getattr(code, "name", "no status")
    if code == grpc.StatusCode.UNAVAILABLE:
        message = f"{_TRANSPORT.connection} ({name}: {answer})"
        return Reading(EngineConnectionError, message, "often")
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        # Without a time to wait: a message that is too large, or a full disk.
        return Reading(RateLimitedError, f"{_SLOWER} ({name}: {answer})", "never")
    if code is None or (status := _GRPC.get(code)) is None:
        return Reading(EngineError, f"{_ADVICE[500]} ({name}: {answer})", "never")
    reading = read_status(status, answer, _ADVICE, _KINDS)
    return reading._replace(message=reading.message.replace(f"status {status}", name, 1))


def _local_value(error: ValueError) -> Reading:
    if str(error).endswith("not found"):
        return Reading(CollectionNotFoundError, f"{error}: upsert documents first", "never")
    return Reading(RequestRejectedError, f"the engine refused the request: {error}", "never")


def _local_runtime(error: RuntimeError) -> Reading:
    if "already accessed by another instance" in str(error):
        return Reading(IndexLockedError, f"{error} Or close the other object first.", "never")
    if "instance is closed" in str(error):
        return Reading(EngineClosedError, str(error), "never")
    return Reading(EngineError, f"{type(error).__name__}: {error}", "never")


def _damaged(error: Exception) -> Reading:
    if "disk is full" in str(error):
        return Reading(DiskFullError, f"{error}: free some, or choose another path", "never")
    message = f"its files cannot be read ({error}): restore a backup, or index again"
    return Reading(IndexDamagedError, message, "never")


# The first match counts, so subclasses come before their bases.
_READERS: tuple[tuple[Any, Callable[[Any], Reading]], ...] = (
    (UnexpectedResponse, _response),
    (ResourceExhaustedResponse, _exhausted),
    ((ApiException, QdrantException), _client),
    (grpc.RpcError, _grpc),
    ((JSONDecodeError, ValidationError), _foreign_answer),
)
_LOCAL_READERS: tuple[tuple[Any, Callable[[Any], Reading]], ...] = (
    (sqlite3.Error, _damaged),
    (ValueError, _local_value),
    (RuntimeError, _local_runtime),
)
