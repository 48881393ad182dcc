"""Every way in which a chat service fails -> our errors, with how often another try is worth it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import httpx

from splade_sdk.errors import (
    AuthenticationError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    RateLimitedError,
    RequestRejectedError,
)

__all__ = ["raise_for_status", "transport_errors"]

_MAX_TOLD = 500  # characters of a service's answer repeated in a message
_STATUS: dict[int, tuple[type[EngineError], str]] = {
    401: (AuthenticationError, "check api_key"),
    403: (AuthenticationError, "check api_key"),
    404: (RequestRejectedError, "is there such a model, and does base_url end in /v1?"),
    408: (EngineTimeoutError, "the service was too slow"),
    429: (RateLimitedError, "the service asks to slow down"),
    504: (EngineTimeoutError, "the service was too slow"),
}
_OFTEN = {408, 429, 502, 503, 504}


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
        told = f"{where}: no answer in time ({type(error).__name__}): raise timeout_s"
        raise _retryable(EngineTimeoutError(told), "often") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
        raise EngineConnectionError(f"{where}: {error}: is base_url right?") from error
    except httpx.HTTPError as error:
        told = f"{where}: {str(error) or type(error).__name__}: is the service running?"
        raise _retryable(EngineConnectionError(told), "often") from error


def raise_for_status(response: httpx.Response, where: str, secret: str | None) -> None:
    """Raise ours unless the service answered.

    Args:
        response: Read to its end.
        where: What was called; begins every message.
        secret: An API key, which is blotted out should the answer repeat it.

    Raises:
        EngineError: the subclass that the status stands for.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    told = response.text.strip()[:_MAX_TOLD] or "no explanation"
    if secret:
        told = told.replace(secret, "***")
    refused = (RequestRejectedError, "the service refused the request")
    failed = (EngineError, "the service failed")
    kind, advice = _STATUS.get(status, refused if status < 500 else failed)
    message = f"{where}: {advice} (status {status}: {told})"
    how_often: Literal["never", "few", "often"] = (
        "often" if status in _OFTEN else "few" if status >= 500 else "never"
    )
    if kind is RateLimitedError:
        raise _retryable(RateLimitedError(message, _retry_after_s(response)), how_often)
    raise _retryable(kind(message), how_often)


def _retry_after_s(response: httpx.Response) -> float | None:
    given = response.headers.get("retry-after", "").strip()
    return float(given) if given.isdecimal() else None


def _retryable(error: EngineError, how_often: Literal["never", "few", "often"]) -> EngineError:
    error.retryable = how_often
    return error
