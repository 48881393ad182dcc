"""Every way in which a chat service fails -> our errors, with how often another try is worth it."""

from __future__ import annotations

from contextlib import AbstractContextManager

import httpx

from splade_sdk import http_errors
from splade_sdk.http_errors import TransportAdvice, excerpt, read_status, retry_after_s, to_error

__all__ = ["raise_for_status", "transport_errors"]

_KEY = "check api_key"
_SLOW = "the service was too slow"
_ADVICE = {
    400: "the service refused the request",
    401: _KEY,
    403: _KEY,
    404: "is there such a model, and does base_url end in /v1?",
    408: _SLOW,
    429: "the service asks to slow down",
    500: "the service failed",
    504: _SLOW,
}
_TRANSPORT = TransportAdvice(
    timeout="raise timeout_s",
    connection="is the service running?",
    address="is base_url right?",
    answer="the answer cannot be read: is there a proxy or another service at base_url?",
)


def transport_errors(where: str) -> AbstractContextManager[None]:
    """Raise ours for whatever httpx raises; see ``http_errors.transport_errors``.

    Args:
        where: What is called; begins every message.
    """
    return http_errors.transport_errors(where, _TRANSPORT)


def raise_for_status(response: httpx.Response, where: str, secret: str | None) -> None:
    """Raise ours unless the service answered.

    Args:
        response: Read to its end.
        where: What was called; begins every message.
        secret: An API key, which is blotted out should the answer repeat it.

    Raises:
        EngineError: the subclass that the status stands for.
    """
    if 200 <= response.status_code < 300:
        return
    reading = read_status(response.status_code, excerpt(response.text), _ADVICE)
    wait_s = retry_after_s(response.headers.get("retry-after"))
    raise to_error(reading, where, secret=secret, wait_s=wait_s)
