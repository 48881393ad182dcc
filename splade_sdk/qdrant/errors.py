"""Every error of qdrant-client, its transports and its local mode -> ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any, Literal, TypeAlias

import grpc  # type: ignore[import-untyped, unused-ignore]
import httpx
from pydantic import ValidationError
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from splade_sdk.errors import (
    AuthenticationError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    IndexLockedError,
    RateLimitedError,
    RequestRejectedError,
    SpladeError,
)

__all__ = ["engine_errors", "translate"]

_MAX_TOLD = 500  # characters of a server's answer repeated in a message

_CONNECT = "is the server running, and is the address right?"
_KEY = "check api_key, and that it may use this collection"
_LATER = "send smaller or fewer requests, or raise timeout_s"
_SLOWER = "slow down, or raise the limit of the server"
_OVERLOADED = "the server is overloaded or restarting: try again later"

Retryable: TypeAlias = Literal["never", "few", "often"]

# The class that is raised, the advice it gives, and how often the call is worth another try.
_Reading: TypeAlias = tuple[type[EngineError], str, Retryable]
_UNKNOWN: _Reading = (EngineError, "the server failed", "never")
_STATUS: dict[int, _Reading] = {
    400: (RequestRejectedError, "the server refused the request", "never"),
    401: (AuthenticationError, _KEY, "never"),
    403: (AuthenticationError, _KEY, "never"),
    404: (
        CollectionNotFoundError,
        "upsert documents first, or check the collection's name",
        "never",
    ),
    408: (EngineTimeoutError, _LATER, "often"),
    409: (RequestRejectedError, "the server refused the request", "never"),
    413: (
        RequestRejectedError,
        "the request is too large: store fewer or smaller documents",
        "never",
    ),
    422: (RequestRejectedError, "the server refused the request", "never"),
    429: (RateLimitedError, _SLOWER, "often"),
    500: (EngineError, "the server failed", "few"),
    502: (EngineConnectionError, _OVERLOADED, "often"),
    503: (EngineConnectionError, _OVERLOADED, "often"),
    504: (EngineTimeoutError, _LATER, "often"),
    507: (DiskFullError, "the server has no space left", "never"),
}

_GRPC: dict[grpc.StatusCode, _Reading] = {
    grpc.StatusCode.ALREADY_EXISTS: _STATUS[409],
    grpc.StatusCode.DEADLINE_EXCEEDED: _STATUS[408],
    grpc.StatusCode.FAILED_PRECONDITION: _STATUS[400],
    grpc.StatusCode.INTERNAL: _STATUS[500],
    grpc.StatusCode.INVALID_ARGUMENT: _STATUS[400],
    grpc.StatusCode.NOT_FOUND: _STATUS[404],
    grpc.StatusCode.OUT_OF_RANGE: _STATUS[400],
    grpc.StatusCode.PERMISSION_DENIED: _STATUS[403],
    # Without a time to wait: a message that is too large, or a full disk.
    grpc.StatusCode.RESOURCE_EXHAUSTED: (RateLimitedError, _SLOWER, "never"),
    grpc.StatusCode.UNAUTHENTICATED: _STATUS[401],
    grpc.StatusCode.UNAVAILABLE: (EngineConnectionError, _CONNECT, "often"),
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
    kind, told, retryable = _read(error)
    message = f"{doing}: {told}"
    if secret:
        message = message.replace(secret, "***")
    made = (
        kind(message, getattr(error, "retry_after_s", None))
        if issubclass(kind, RateLimitedError)
        else kind(message)
    )
    made.retryable = retryable
    return made


def _read(error: Exception) -> _Reading:
    if isinstance(error, ResponseHandlingException):
        return _read(error.source)
    for foreign, read in _READERS:
        if isinstance(error, foreign):
            return read(error)
    return EngineError, f"{type(error).__name__}: {error}", "never"


def _response(error: UnexpectedResponse) -> _Reading:
    kind, advice, retryable = _STATUS.get(error.status_code or 0, _UNKNOWN)
    told = f"{advice} (status {error.status_code}: {_answer(error.content)})"
    return kind, told, retryable


def _answer(content: bytes) -> str:
    text = content.decode(errors="replace").strip()
    try:
        status = json.loads(text)["status"]
        told = str(status["error"] if isinstance(status, dict) else status)
    except (ValueError, KeyError, TypeError):
        told = text or "no explanation"
    return told if len(told) <= _MAX_TOLD else f"{told[:_MAX_TOLD]}..."


def _exhausted(error: ResourceExhaustedResponse) -> _Reading:
    return RateLimitedError, f"{error}: wait {error.retry_after_s} s, then go on", "often"


def _client(error: Exception) -> _Reading:
    if "Retry-After" in str(error):  # a date, which the client does not read
        return RateLimitedError, f"{error}: {_SLOWER}", "often"
    return EngineError, str(error), "never"


def _timeout(error: Exception) -> _Reading:
    told = f"no answer in time ({str(error) or type(error).__name__}): {_LATER}"
    return EngineTimeoutError, told, "often"


def _connection(error: Exception) -> _Reading:
    return EngineConnectionError, f"{str(error) or type(error).__name__}; {_CONNECT}", "often"


def _address(error: Exception) -> _Reading:
    return (*_connection(error)[:2], "never")


def _foreign_answer(error: Exception) -> _Reading:
    told = (
        f"the answer is not one of a Qdrant server ({type(error).__name__}): is there a proxy or "
        "another service at this address?"
    )
    return EngineConnectionError, told, "few"  # a proxy answers so while its server restarts


def _grpc(error: Any) -> _Reading:
    code = error.code() if hasattr(error, "code") else None
    kind, advice, retryable = _GRPC.get(code, _UNKNOWN)
    details = error.details() if hasattr(error, "details") else error
    return kind, f"{advice} ({getattr(code, 'name', 'no status')}: {details})", retryable


def _local_value(error: ValueError) -> _Reading:
    if str(error).endswith("not found"):
        return CollectionNotFoundError, f"{error}: upsert documents first", "never"
    return RequestRejectedError, f"the engine refused the request: {error}", "never"


def _local_runtime(error: RuntimeError) -> _Reading:
    if "already accessed by another instance" in str(error):
        return IndexLockedError, f"{error} Or close the other object first.", "never"
    if "instance is closed" in str(error):
        return EngineClosedError, str(error), "never"
    return EngineError, f"{type(error).__name__}: {error}", "never"


def _damaged(error: Exception) -> _Reading:
    if "disk is full" in str(error):
        return DiskFullError, f"{error}: free some, or choose another path", "never"
    told = f"its files cannot be read ({error}): restore a backup, or index anew"
    return IndexDamagedError, told, "never"


# The first match counts, so subclasses come before their bases.
_READERS: tuple[tuple[Any, Callable[[Any], _Reading]], ...] = (
    (UnexpectedResponse, _response),
    (ResourceExhaustedResponse, _exhausted),
    ((ApiException, QdrantException), _client),
    ((httpx.TimeoutException, TimeoutError), _timeout),
    ((httpx.DecodingError, httpx.CookieConflict), _foreign_answer),
    (
        (
            httpx.InvalidURL,
            httpx.LocalProtocolError,
            httpx.StreamError,
            httpx.TooManyRedirects,
            httpx.UnsupportedProtocol,
        ),
        _address,
    ),
    ((httpx.HTTPError, ConnectionError), _connection),
    (grpc.RpcError, _grpc),
    ((JSONDecodeError, ValidationError), _foreign_answer),
    (sqlite3.Error, _damaged),
    (ValueError, _local_value),
    (RuntimeError, _local_runtime),
)
