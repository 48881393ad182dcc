"""Every way in which a request to an encoding service fails -> our errors."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

import httpx

from splade_sdk import http_errors
from splade_sdk.errors import EngineConnectionError, ModelError
from splade_sdk.http_errors import TransportAdvice, excerpt, read_status, retry_after_s, to_error
from splade_sdk.types.arguments import without_credentials

__all__ = ["raise_for_status", "transport_errors"]

_KEY = "check api_key"
_BUSY = "the service is overloaded or restarting: try again later"
_LATER = "send fewer texts at once (batch_size), or raise timeout_s"
_ADVICE = {
    400: "the service refused the request",
    401: _KEY,
    403: _KEY,
    404: "is this the address of an encoding service?",
    408: _LATER,
    413: "send fewer texts at once (batch_size), or shorter ones",
    429: "slow down, or raise the limits of the service",
    500: "the service failed",
    502: _BUSY,
    503: _BUSY,
    504: _LATER,
}
_TRANSPORT = TransportAdvice(
    timeout=_LATER,
    connection="is the service running, and is the address right?",
    address="is the address right?",
    answer="the answer cannot be read: is there a proxy or another service at this address?",
)
_MODEL_FAILED = 424


def transport_errors(where: str) -> AbstractContextManager[None]:
    """Raise ours for whatever httpx raises; see ``http_errors.transport_errors``.

    Args:
        where: What is called; begins every message.
    """
    return http_errors.transport_errors(where, _TRANSPORT)


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
    if 300 <= status < 400:
        target = without_credentials(response.headers.get("location", ""))
        raise EngineConnectionError(
            f"{where}: it redirects to {target!r}: give that address (status {status})"
        )
    answer = _answer(response)
    if status == _MODEL_FAILED:
        answer = answer.replace(secret, "***") if secret else answer
        raise ModelError(f"{where}: the service's model failed: {answer}")
    wait_s = retry_after_s(response.headers.get("retry-after"))
    raise to_error(read_status(status, answer, _ADVICE), where, secret=secret, wait_s=wait_s)


def _answer(response: httpx.Response) -> str:
    try:
        return excerpt(str(json.loads(response.text)["error"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return excerpt(response.text)
