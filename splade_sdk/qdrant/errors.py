"""Every error of qdrant-client, its transports and its local mode -> ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import Any

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
_OVERLOADED = "the server is overloaded or restarting: try again later"

_STATUS: dict[int, tuple[type[EngineError], str]] = {
    400: (RequestRejectedError, "the server refused the request"),
    401: (AuthenticationError, _KEY),
    403: (AuthenticationError, _KEY),
    404: (CollectionNotFoundError, "upsert documents first, or check the collection's name"),
    408: (EngineTimeoutError, _LATER),
    409: (RequestRejectedError, "the server refused the request"),
    413: (RequestRejectedError, "the request is too large: store fewer or smaller documents"),
    422: (RequestRejectedError, "the server refused the request"),
    429: (RateLimitedError, "slow down, or raise the limit of the server"),
    502: (EngineConnectionError, _OVERLOADED),
    503: (EngineConnectionError, _OVERLOADED),
    504: (EngineTimeoutError, _LATER),
    507: (EngineError, "the server has no space left"),
}

_GRPC: dict[grpc.StatusCode, tuple[type[EngineError], str]] = {
    grpc.StatusCode.ALREADY_EXISTS: _STATUS[409],
    grpc.StatusCode.DEADLINE_EXCEEDED: _STATUS[408],
    grpc.StatusCode.FAILED_PRECONDITION: _STATUS[400],
    grpc.StatusCode.INVALID_ARGUMENT: _STATUS[400],
    grpc.StatusCode.NOT_FOUND: _STATUS[404],
    grpc.StatusCode.OUT_OF_RANGE: _STATUS[400],
    grpc.StatusCode.PERMISSION_DENIED: _STATUS[403],
    grpc.StatusCode.RESOURCE_EXHAUSTED: _STATUS[429],
    grpc.StatusCode.UNAUTHENTICATED: _STATUS[401],
    grpc.StatusCode.UNAVAILABLE: (EngineConnectionError, _CONNECT),
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
    kind, told = _read(error)
    message = f"{doing}: {told}"
    if secret:
        message = message.replace(secret, "***")
    if issubclass(kind, RateLimitedError):
        return kind(message, getattr(error, "retry_after_s", None))
    return kind(message)


def _read(error: Exception) -> tuple[type[EngineError], str]:
    if isinstance(error, ResponseHandlingException):
        return _read(error.source)
    for foreign, read in _READERS:
        if isinstance(error, foreign):
            return read(error)
    return EngineError, f"{type(error).__name__}: {error}"


def _response(error: UnexpectedResponse) -> tuple[type[EngineError], str]:
    kind, advice = _STATUS.get(error.status_code or 0, (EngineError, "the server failed"))
    return kind, f"{advice} (status {error.status_code}: {_answer(error.content)})"


def _answer(content: bytes) -> str:
    text = content.decode(errors="replace").strip()
    try:
        status = json.loads(text)["status"]
        told = str(status["error"] if isinstance(status, dict) else status)
    except (ValueError, KeyError, TypeError):
        told = text or "no explanation"
    return told if len(told) <= _MAX_TOLD else f"{told[:_MAX_TOLD]}..."


def _exhausted(error: ResourceExhaustedResponse) -> tuple[type[EngineError], str]:
    return RateLimitedError, f"{error}: wait {error.retry_after_s} s, then go on"


def _timeout(error: Exception) -> tuple[type[EngineError], str]:
    return EngineTimeoutError, f"no answer in time ({error or type(error).__name__}): {_LATER}"


def _connection(error: Exception) -> tuple[type[EngineError], str]:
    return EngineConnectionError, f"{error or type(error).__name__}; {_CONNECT}"


def _foreign_answer(error: Exception) -> tuple[type[EngineError], str]:
    told = (
        f"the answer is not one of a Qdrant server ({type(error).__name__}): is there a proxy or "
        "another service at this address?"
    )
    return EngineConnectionError, told


def _grpc(error: Any) -> tuple[type[EngineError], str]:
    code = error.code() if hasattr(error, "code") else None
    kind, advice = _GRPC.get(code, (EngineError, "the server failed"))
    details = error.details() if hasattr(error, "details") else error
    return kind, f"{advice} ({getattr(code, 'name', 'no status')}: {details})"


def _local_value(error: ValueError) -> tuple[type[EngineError], str]:
    if str(error).endswith("not found"):
        return CollectionNotFoundError, f"{error}: upsert documents first"
    return RequestRejectedError, f"the engine refused the request: {error}"


def _local_runtime(error: RuntimeError) -> tuple[type[EngineError], str]:
    if "already accessed by another instance" in str(error):
        return IndexLockedError, f"{error} Or close the other object first."
    if "instance is closed" in str(error):
        return EngineClosedError, str(error)
    return EngineError, f"{type(error).__name__}: {error}"


def _damaged(error: Exception) -> tuple[type[EngineError], str]:
    return IndexDamagedError, f"its files cannot be read ({error}): restore a backup, or index anew"


# The first match counts, so subclasses come before their bases.
_READERS: tuple[tuple[Any, Callable[[Any], tuple[type[EngineError], str]]], ...] = (
    (UnexpectedResponse, _response),
    (ResourceExhaustedResponse, _exhausted),
    ((ApiException, QdrantException), lambda error: (EngineError, str(error))),
    ((httpx.TimeoutException, TimeoutError), _timeout),
    ((httpx.DecodingError, httpx.CookieConflict), _foreign_answer),
    ((httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ConnectionError), _connection),
    (grpc.RpcError, _grpc),
    ((JSONDecodeError, ValidationError), _foreign_answer),
    (sqlite3.Error, _damaged),
    (ValueError, _local_value),
    (RuntimeError, _local_runtime),
)
