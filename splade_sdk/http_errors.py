"""What an HTTP status, a Retry-After header and an exception of httpx mean, for every service.

The same for Qdrant, encoding services and chat models; each adds its own advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, TypeAlias

import httpx

from splade_sdk.errors import (
    AuthenticationError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.types.arguments import without_credentials

__all__ = [
    "Reading",
    "Retryable",
    "TransportAdvice",
    "excerpt",
    "read_status",
    "read_transport",
    "retry_after_s",
    "to_error",
    "transport_errors",
]

_EXCERPT = 500  # characters of an answer repeated in a message

Retryable: TypeAlias = Literal["never", "few", "often"]

_STATUS: dict[int, tuple[type[EngineError], Retryable]] = {
    401: (AuthenticationError, "never"),
    403: (AuthenticationError, "never"),
    408: (EngineTimeoutError, "often"),
    429: (RateLimitedError, "often"),
    500: (EngineError, "few"),
    501: (EngineError, "never"),
    502: (EngineConnectionError, "often"),
    503: (EngineConnectionError, "often"),
    504: (EngineTimeoutError, "often"),
    505: (EngineError, "never"),
    507: (EngineError, "never"),
}
_REFUSED: tuple[type[EngineError], Retryable] = (RequestRejectedError, "never")
_FAILED: tuple[type[EngineError], Retryable] = (EngineError, "few")


class Reading(NamedTuple):
    """What a failure means.

    Attributes:
        kind: The class to raise.
        message: What happened, and what to do about it.
        retryable: How often the same call is worth another try.
    """

    kind: type[EngineError]
    message: str
    retryable: Retryable


class TransportAdvice(NamedTuple):
    """What to do where no answer came.

    Attributes:
        timeout: The answer took too long.
        connection: The service cannot be reached, or dropped the connection.
        address: No request can be sent to such an address.
        answer: What came is not an answer of such a service.
    """

    timeout: str
    connection: str
    address: str
    answer: str


def read_status(
    status: int,
    answer: str,
    advice: Mapping[int, str],
    kinds: Mapping[int, type[EngineError]] | None = None,
) -> Reading:
    """Return what a status other than 2xx means.

    Args:
        status: 300 to 599.
        answer: What the service said about it; see ``excerpt``.
        advice: What to do, by status; 400 and 500 stand for all others of their hundred.
        kinds: The class to raise, where it is another one for this service.
    """
    kind, retryable = _STATUS.get(status, _REFUSED if status < 500 else _FAILED)
    kind = (kinds or {}).get(status, kind)
    what = advice.get(status) or advice[400 if status < 500 else 500]
    return Reading(kind, f"{what} (status {status}: {answer})", retryable)


def read_transport(error: Exception, advice: TransportAdvice) -> Reading | None:
    """Return what an exception of httpx, or of the sockets below, means; None for any other.

    Args:
        error: What was raised.
        advice: What to do about each kind.
    """
    what = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Reading(EngineTimeoutError, f"no answer in time ({what}): {advice.timeout}", "often")
    if isinstance(error, httpx.DecodingError | httpx.CookieConflict):
        # A proxy answers so while the server behind it restarts.
        return Reading(EngineConnectionError, f"{advice.answer} ({type(error).__name__})", "few")
    if isinstance(
        error,
        httpx.InvalidURL
        | httpx.LocalProtocolError
        | httpx.StreamError
        | httpx.TooManyRedirects
        | httpx.UnsupportedProtocol,
    ):
        return Reading(EngineConnectionError, f"{what}; {advice.address}", "never")
    if isinstance(error, httpx.HTTPError | ConnectionError):
        return Reading(EngineConnectionError, f"{what}; {advice.connection}", "often")
    return None


def to_error(
    reading: Reading, where: str, *, secret: str | None = None, wait_s: float | None = None
) -> EngineError:
    """Return the error to raise; its message has neither the key nor credentials of addresses.

    Args:
        reading: What the failure means.
        where: What was called, or tried; begins the message.
        secret: An API key.
        wait_s: Seconds that the service asks to wait. With them, whatever may pass by itself is
            a RateLimitedError, so that the retry waits as long.
    """
    message = without_credentials(f"{where}: {reading.message}")
    if secret:
        message = message.replace(secret, "***")
    limited = reading.retryable == "often" and wait_s is not None
    error = (
        RateLimitedError(message, wait_s)
        if limited or issubclass(reading.kind, RateLimitedError)
        else reading.kind(message)
    )
    error.retryable = reading.retryable
    return error


@contextmanager
def transport_errors(where: str, advice: TransportAdvice) -> Iterator[None]:
    """Raise ours for whatever httpx raises.

    Args:
        where: What is called; begins every message.
        advice: What to do about each kind of failure.

    Raises:
        EngineTimeoutError: if no answer came in time.
        EngineConnectionError: if the service cannot be reached, or drops the connection.
    """
    try:
        yield
    except Exception as error:
        if (reading := read_transport(error, advice)) is None:
            raise
        raise to_error(reading, where) from error


def excerpt(text: str) -> str:
    """Return the first 500 characters of an answer, for a message."""
    text = text.strip() or "no explanation"
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks to wait; below 0 for a date in the past.

    Args:
        header: Whole seconds, or an HTTP date (RFC 9110, section 10.2.3).
    """
    given = (header or "").strip()
    if given.isdecimal():
        return float(given)
    try:
        until = parsedate_to_datetime(given)
    except (TypeError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return (until - datetime.now(timezone.utc)).total_seconds()
