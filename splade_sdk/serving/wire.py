"""What clients send and get, in text-embeddings-inference's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from splade_sdk.types import SparseBatch, SparseVector

__all__ = [
    "DenseRequest",
    "EmbedRequest",
    "ErrorAnswer",
    "QueryTerm",
    "SearchAnswer",
    "SearchHit",
    "SearchLeg",
    "SearchQuery",
    "SparseValue",
    "TermMatch",
    "dense_json",
    "sparse_json",
]


class EmbedRequest(BaseModel):
    """Body of ``/embed_sparse``; unknown fields are ignored, as text-embeddings-inference does.

    Attributes:
        inputs: A text, or several.
        prompt_name: The side: ``query``, or ``document``, which is also what is taken without one.
        truncate: False refuses texts that are longer than the model takes, True or none cuts them.
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
    """What went wrong.

    Attributes:
        error: Message.
        error_type: Validation, Overloaded, Backend, Unhealthy, Unauthorized or NotFound.
    """

    error: str
    error_type: str


class SearchQuery(BaseModel):
    """Body of ``/search``; see ``Retriever.search``.

    Attributes:
        query: What to look for.
        mode: By which vectors; None for hybrid where the collection has dense vectors.
        limit: Hits at most.
        offset: Hits to skip from the top.
        filter: Conditions on the metadata.
        score_threshold: Lowest score wanted, inclusive.
        with_payload: Return text and metadata.
        with_terms: Return which terms the query has, and which of them a hit matches.
    """

    model_config = ConfigDict(extra="forbid")

    query: str
    mode: Literal["sparse", "dense", "hybrid"] | None = None
    limit: Annotated[int, Field(ge=1)] = 10
    offset: Annotated[int, Field(ge=0)] = 0
    filter: dict[str, JsonValue] | None = None
    score_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None
    with_payload: bool = True
    with_terms: bool = True


class QueryTerm(BaseModel):
    """A term of the query's vector.

    Attributes:
        term: Token.
        weight: Its weight.
        literal: Whether it stands in the query; None where the encoder cannot say.
    """

    term: str
    weight: float
    literal: bool | None


class TermMatch(BaseModel):
    """A term that query and document share.

    Attributes:
        term: Token.
        score: What it adds to the sparse score; None where the engine weighs terms by their rarity.
        in_query: Whether it stands in the query; None where the encoder cannot say.
        in_text: Whether it stands in the document; None where the encoder cannot say.
    """

    term: str
    score: float | None
    in_query: bool | None
    in_text: bool | None


class SearchLeg(BaseModel):
    """What one leg of the search said of a hit.

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
        score: What the hits are ordered by.
        text: Its text.
        metadata: Its metadata.
        legs: Rank and score in each leg that found it.
        terms: Terms it shares with the query, those that add most first.
        spans: Words of the text that matched, as [start, end) in Unicode code points.
    """

    id: str
    score: float
    text: str
    metadata: dict[str, JsonValue]
    legs: dict[str, SearchLeg]
    terms: list[TermMatch]
    spans: list[tuple[int, int]]


class SearchAnswer(BaseModel):
    """Answer of ``/search``.

    Attributes:
        mode: By which vectors the hits were found.
        query_terms: The query's terms, heaviest first.
        hits: The best first.
    """

    mode: str
    query_terms: list[QueryTerm]
    hits: list[SearchHit]


def sparse_json(batch: SparseBatch) -> bytes:
    """Return ``[[{"index": 7, "value": 0.5}, ...], ...]``, a row for each vector.

    Nine digits tell every float32 apart from its neighbours. Formatting a row at once is four times
    as fast as the json library, and this is the larger part of an answer's cost.
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
