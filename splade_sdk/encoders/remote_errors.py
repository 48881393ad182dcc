"""Every way in which a request to an encoding service fails -> our errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

import httpx

from splade_sdk.errors import (
    AuthenticationError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    ModelError,
    RateLimitedError,
    RequestRejectedError,
)

__all__ = ["raise_for_status", "transport_errors"]

_MAX_TOLD = 500  # characters of a service's answer repeated in a message

_CONNECT = "is the service running, and is the address right?"
_BUSY = "the service is overloaded or restarting: try again later"
_LATER = "send fewer texts at once (batch_size), or raise timeout_s"

Retryable: TypeAlias = Literal["never", "few", "often"]

# The class that is raised, the advice it gives, and how often the call is worth another try.
_Reading: TypeAlias = tuple[type[EngineError], str, Retryable]
_STATUS: dict[int, _Reading] = {
    401: (AuthenticationError, "check api_key", "never"),
    403: (AuthenticationError, "check api_key", "never"),
    404: (RequestRejectedError, "is this the address of an encoding service?", "never"),
    408: (EngineTimeoutError, _LATER, "often"),
    413: (RequestRejectedError, "send fewer texts at once (batch_size), or shorter ones", "never"),
    429: (RateLimitedError, "slow down, or raise the limits of the service", "often"),
    500: (EngineError, "the service failed", "few"),
    502: (EngineConnectionError, _BUSY, "often"),
    503: (EngineConnectionError, _BUSY, "often"),
    504: (EngineTimeoutError, _LATER, "often"),
}
_REFUSED: _Reading = (RequestRejectedError, "the service refused the request", "never")
_FAILED: _Reading = (EngineError, "the service failed", "never")
_MODEL_FAILED = 424


@contextmanager
def transport_errors(where: str) -> Iterator[None]:
    """Raise ours for whatever httpx raises.

    Args:
        where: What was called; begins every message.

    Raises:
        EngineTimeoutError: if no answer came in time.
        EngineConnectionError: if the service cannot be reached, or drops the connection.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        told = f"no answer in time ({str(error) or type(error).__name__}): {_LATER}"
        raise _retryable(EngineTimeoutError(f"{where}: {told}"), "often") from error
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
        told = f"{str(error) or type(error).__name__}: is the address right?"
        raise _retryable(EngineConnectionError(f"{where}: {told}"), "never") from error
    except httpx.HTTPError as error:
        told = f"{str(error) or type(error).__name__}; {_CONNECT}"
        raise _retryable(EngineConnectionError(f"{where}: {told}"), "often") from error


def raise_for_status(response: httpx.Response, where: str, secret: str | None = None) -> None:
    """Raise ours unless the service did what was asked.

    Args:
        response: Read to its end.
        where: What was called; begins every message.
        secret: An API key, which is blotted out should the answer repeat it.

    Raises:
        EngineError: the subclass that the status stands for.
        ModelError: if the service's model failed.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    answer = _answer(response)
    if secret:
        answer = answer.replace(secret, "***")
    if status == _MODEL_FAILED:
        raise ModelError(f"{where}: the service's model failed: {answer}")
    if 300 <= status < 400:
        told = f"it redirects to {response.headers.get('location')!r}: give that address"
        raise EngineConnectionError(f"{where}: {told} (status {status})")
    kind, advice, retryable = _STATUS.get(status, _REFUSED if status < 500 else _FAILED)
    message = f"{where}: {advice} (status {status}: {answer})"
    wait_s = _retry_after_s(response)
    if kind is RateLimitedError or (retryable == "often" and wait_s is not None):
        raise _retryable(RateLimitedError(message, wait_s), retryable)
    raise _retryable(kind(message), retryable)


def _retryable(error: EngineError, retryable: Retryable) -> EngineError:
    error.retryable = retryable
    return error


def _answer(response: httpx.Response) -> str:
    text = response.text.strip()
    try:
        told = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        told = text or "no explanation"
    return told if len(told) <= _MAX_TOLD else f"{told[:_MAX_TOLD]}..."


def _retry_after_s(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    given = response.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        until = parsedate_to_datetime(given)
    except (TypeError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return (until - datetime.now(timezone.utc)).total_seconds()
