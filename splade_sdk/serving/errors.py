"""Maps errors to a status and text-embeddings-inference's ``{"error", "error_type"}``."""

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

__all__ = ["answer_error", "problem", "validation_message"]

_log = logging.getLogger(__name__)

_STATUS_TYPES = {
    401: "Unauthorized",
    404: "NotFound",
    408: "Overloaded",
    424: "Backend",
    429: "Overloaded",
    503: "Unhealthy",
}

# Error type, status, whether the client gets the message; the first match counts. The messages of
# errors that are not the client's fault may name internal addresses, so they go to the log only.
_Rule: TypeAlias = tuple[type[SpladeError], int, bool]
_RULES: tuple[_Rule, ...] = (
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
    """Return an error answer.

    Args:
        status: HTTP status.
        message: Text for the client.
        headers: Additional headers.
    """
    kind = _STATUS_TYPES.get(status, "Validation" if status < 500 else "Backend")
    return JSONResponse(
        {"error": message, "error_type": kind}, status, dict(headers) if headers else None
    )


def answer_error(error: Exception) -> JSONResponse:
    """Return the answer for an error; log it if it is the service's own fault."""
    status, public = next(
        ((status, public) for kind, status, public in _RULES if isinstance(error, kind)),
        (500, False),
    )
    if not public or status == 424:
        _log.error("%s: %s", type(error).__name__, error, exc_info=error)
    headers = {}
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s or 1))
    message = str(error) if public else f"the service failed ({type(error).__name__}): see its log"
    return problem(status, message, headers)


def validation_message(errors: Sequence[Mapping[str, object]]) -> str:
    """Return pydantic's errors as one line, without the values that the client sent."""
    lines = []
    for each in errors:
        location = each.get("loc", ())
        parts = location if isinstance(location, tuple) else ()
        where = ".".join(str(part) for part in parts if part != "body")
        lines.append(f"{where or 'body'}: {each.get('msg')}")
    return "; ".join(lines)
