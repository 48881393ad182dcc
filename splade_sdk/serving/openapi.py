"""How a route that reads its own body is described in ``/openapi.json``."""

from __future__ import annotations

from typing import Any, TypedDict

from pydantic import BaseModel

from splade_sdk.serving.wire import ErrorAnswer

__all__ = ["Documented", "documented"]


class Documented(TypedDict):
    """Arguments of a route's decorator."""

    response_model: Any
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def documented(body: type[BaseModel], answer: Any) -> Documented:
    """Describe a route.

    Args:
        body: What it reads.
        answer: Type of what it returns.
    """
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema}}
    return {
        "response_model": answer,
        "responses": {
            status: {"model": ErrorAnswer, "description": told}
            for status, told in (
                (401, "The key is missing or wrong."),
                (413, "Too many texts, or too long ones."),
                (422, "The request is malformed."),
                (424, "The model failed."),
                (429, "Too much is waiting: come again after Retry-After seconds."),
            )
        },
        "openapi_extra": {"requestBody": {"content": content, "required": True}},
    }
