"""Every error -> a status and text-embeddings-inference's ``{"error", "error_type"}``."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, TypeAlias

from fastapi.responses import JSONResponse

from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    InvalidInputError,
    InvalidTypeError,
    ModelError,
    RateLimitedError,
    RequestRejectedError,
    SpladeError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["answer_error", "problem", "told"]

_log = logging.getLogger(__name__)

_STATUS_TYPES = {
    401: "Unauthorized",
    404: "NotFound",
    408: "Overloaded",
    424: "Backend",
    429: "Overloaded",
    503: "Unhealthy",
}

# The first match counts. Those that are told nothing of the message are not the client's doing, and
# name addresses that are not the client's business.
_Reading: TypeAlias = tuple[type[SpladeError], int, bool]
_READINGS: tuple[_Reading, ...] = (
    (RateLimitedError, 429, True),
    (CollectionNotFoundError, 404, True),
    (RequestRejectedError, 422, True),
    (EngineClosedError, 503, True),
    (CollectionMismatchError, 500, False),
    (EngineTimeoutError, 504, False),
    (EngineConnectionError, 503, False),
    (EngineError, 500, False),
    (ModelError, 424, True),
    (InvalidInputError, 422, True),
    (InvalidTypeError, 422, True),
)


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer that says what went wrong.

    Args:
        status: Of HTTP.
        message: For the client.
        headers: Besides the usual ones.
    """
    kind = _STATUS_TYPES.get(status, "Validation" if status < 500 else "Backend")
    return JSONResponse(
        {"error": message, "error_type": kind}, status, dict(headers) if headers else None
    )


def answer_error(error: Exception) -> JSONResponse:
    """Return the answer for an error, and log what is the service's own fault."""
    status, tell = next(
        ((status, tell) for kind, status, tell in _READINGS if isinstance(error, kind)),
        (500, False),
    )
    if not tell or status == 424:
        _log.error("%s: %s", type(error).__name__, error, exc_info=error)
    headers = {}
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s or 1))
    message = str(error) if tell else f"the service failed ({type(error).__name__}): see its log"
    return problem(status, message, headers)


def told(errors: Sequence[Mapping[str, object]]) -> str:
    """Return pydantic's errors as one line; what the client sent is not repeated."""
    lines = []
    for each in errors:
        place = each.get("loc", ())
        parts = place if isinstance(place, tuple) else ()
        where = ".".join(str(part) for part in parts if part != "body")
        lines.append(f"{where or 'body'}: {each.get('msg')}")
    return "; ".join(lines)
