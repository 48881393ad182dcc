"""Bodies of requests and answers, in text-embeddings-inference's form, and their description."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypedDict

from numpy.typing import NDArray
from pydantic import BaseModel, JsonValue

from splade_sdk.retrieval.search.json_options import JsonSearchOptions
from splade_sdk.types import SparseBatch, SparseVector

__all__ = [
    "DenseRequest",
    "Documented",
    "EmbedRequest",
    "ErrorAnswer",
    "HitTerm",
    "QueryTerm",
    "SearchAnswer",
    "SearchHit",
    "SearchLeg",
    "SearchQuery",
    "SparseValue",
    "dense_json",
    "documented",
    "sparse_json",
]


class EmbedRequest(BaseModel):
    """Body of ``/embed_sparse``; unknown fields are ignored, as text-embeddings-inference does.

    Attributes:
        inputs: A text, or several.
        prompt_name: The side: ``query`` or ``document``; null for ``document``.
        truncate: False refuses texts that are longer than the model takes; True or null cuts them.
        truncation_direction: Texts are cut at their end.
    """

    inputs: str | list[str]
    prompt_name: Literal["query", "document"] | None = None
    truncate: bool | None = None
    truncation_direction: Literal["right", "Right"] = "right"


class DenseRequest(EmbedRequest):
    """Body of ``/embed``.

    Attributes:
        normalize: The vectors have length 1.
    """

    normalize: Literal[True] = True


class SparseValue(BaseModel):
    """A term of a vector.

    Attributes:
        index: Term id.
        value: Weight.
    """

    index: int
    value: float


class ErrorAnswer(BaseModel):
    """Body of every error answer.

    Attributes:
        error: Message.
        error_type: Validation, Overloaded, Backend, Unhealthy, Unauthorized or NotFound.
    """

    error: str
    error_type: str


class SearchQuery(JsonSearchOptions):
    """Body of ``/search``: the options of ``Retriever.search``, and what to return.

    Attributes:
        query: Text to search for.
        with_payload: Return text and metadata.
        with_terms: Return the terms of the query, and explain each hit.
    """

    query: str
    with_payload: bool = True
    with_terms: bool = True


class QueryTerm(BaseModel):
    """A term of the query's vector.

    Attributes:
        term: Token.
        weight: Its weight.
        literal: Whether it occurs in the query; None where the encoder cannot tell.
    """

    term: str
    weight: float
    literal: bool | None


class HitTerm(BaseModel):
    """A term that query and document share: a ``TermMatch`` of ``Hit.explain()``.

    Attributes:
        term: Token.
        score: Its contribution to the sparse score.
        in_query: Whether it occurs in the query; None where the encoder cannot tell.
        in_text: Whether it occurs in the document; None where the encoder cannot tell.
    """

    term: str
    score: float
    in_query: bool | None
    in_text: bool | None


class SearchLeg(BaseModel):
    """Rank and score of a hit in one leg of the search.

    Attributes:
        rank: Position in the leg's own ranking, from 1.
        score: The leg's own score.
    """

    rank: int
    score: float


class SearchHit(BaseModel):
    """A found document.

    Attributes:
        id: Its id.
        score: The score that hits are ordered by.
        text: Its text.
        metadata: Its metadata.
        legs: Rank and score in each leg that found it.
        terms: Terms it shares with the query, largest contribution first; none for a hit of a
            dense search.
        spans: Words of the text that the terms come from, as [start, end) in Unicode code points.
    """

    id: str
    score: float
    text: str
    metadata: dict[str, JsonValue]
    legs: dict[str, SearchLeg]
    terms: list[HitTerm]
    spans: list[tuple[int, int]]


class SearchAnswer(BaseModel):
    """Answer of ``/search``.

    Attributes:
        mode: Which vectors were searched.
        query_terms: The query's terms, heaviest first.
        hits: The documents, best first.
    """

    mode: str
    query_terms: list[QueryTerm]
    hits: list[SearchHit]


class Documented(TypedDict):
    """Arguments of a route's decorator."""

    response_model: Any
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def documented(body: type[BaseModel], answer: Any) -> Documented:
    """Return the description in ``/openapi.json`` of a route that reads its own body.

    Args:
        body: Type of the request body.
        answer: Type of the answer.
    """
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema}}
    return {
        "response_model": answer,
        "responses": {
            status: {"model": ErrorAnswer, "description": description}
            for status, description in (
                (401, "The key is missing or wrong."),
                (413, "Too many texts or hits, or too long ones."),
                (415, "The body is not application/json, or is compressed."),
                (421, "The service does not answer under this host name."),
                (422, "The request is malformed, or goes too far down the ranking."),
                (424, "The model failed."),
                (429, "Too much is waiting: try again after Retry-After seconds."),
            )
        },
        "openapi_extra": {"requestBody": {"content": content, "required": True}},
    }


def sparse_json(batch: SparseBatch) -> bytes:
    """Return ``[[{"index": 7, "value": 0.5}, ...], ...]``, a row for each vector.

    Nine significant digits identify every float32. A row is formatted at once, since this is the
    larger part of an answer's cost.
    """
    return _rows(_sparse_row(vector) for vector in batch)


def dense_json(rows: NDArray[Any]) -> bytes:
    """Return ``[[0.1, ...], ...]``.

    Args:
        rows: Float32. Shape: ``(texts, dense_dimensions)``.
    """
    form = f"[{','.join(['%.9g'] * rows.shape[1])}]"
    return _rows(form % tuple(row) for row in rows.tolist())


def _sparse_row(vector: SparseVector) -> str:
    numbers: list[float] = [0.0] * (2 * len(vector))
    numbers[::2] = vector.indices.tolist()
    numbers[1::2] = vector.values.tolist()
    form = ",".join(['{"index":%d,"value":%.9g}'] * len(vector))
    return f"[{form % tuple(numbers)}]"


def _rows(rows: Iterable[str]) -> bytes:
    return f"[{','.join(rows)}]".encode("ascii")
