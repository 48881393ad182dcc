"""One training example, and how a row of JSON becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from splade_sdk.errors import InvalidDataError, InvalidInputError, InvalidTypeError
from splade_sdk.types.arguments import require_text

__all__ = ["Example", "parse_example"]

_LIST_FIELDS = ("documents", "passages")


@dataclass(frozen=True, slots=True)
class Example:
    """A query with the documents it is trained on.

    Attributes:
        query: Text of the query.
        documents: Texts; the first is the positive, the others are hard negatives.
        scores: A teacher's score of each document; None where there is none.
        also_relevant: Other texts known to answer the query, which must not become negatives.
    """

    query: str
    documents: tuple[str, ...]
    scores: tuple[float, ...] | None = None
    also_relevant: tuple[str, ...] = ()


def parse_example(row: Mapping[str, object], where: str) -> Example:
    """Read an example from a JSON object of one of these shapes.

    - ``{"query", "positive"}``: a pair;
    - ``{"query", "positive", "negative"}`` or ``"negatives"``: a triple, with one or several
      negatives; ``"scores"`` may hold a teacher's score of the positive and each negative;
    - ``{"query", "documents", "scores"}`` (or ``"passages"``): a scored list, in any order. The
      document named by ``"positive"`` is the positive, without it the one of the highest score.

    Other fields are ignored. A negative equal to the positive is dropped.

    Args:
        row: The JSON object.
        where: File and line; named in messages.

    Raises:
        InvalidDataError: if a field is missing or of the wrong kind; the message names it.
    """
    query = _text(row, "query", where)
    if not query.strip():
        raise InvalidDataError(f"{where}: field 'query' is empty: expected a text")
    for field in _LIST_FIELDS:
        if field in row:
            return _scored_list(row, field, query, where)
    positive = _positive(row, where)
    negatives = _negatives(row, where)
    documents = (positive, *negatives)
    scores = _scores(row, len(documents), where) if row.get("scores") is not None else None
    return _without_copies(query, documents, scores)


def _scored_list(row: Mapping[str, object], field: str, query: str, where: str) -> Example:
    documents = _texts(row, field, where)
    if not documents:
        raise InvalidDataError(f"{where}: field {field!r} is empty: the query has no positive")
    if "scores" not in row:
        raise InvalidDataError(
            f"{where}: no field 'scores': expected a teacher's score of each of {field!r}; name "
            "the documents 'positive' and 'negatives' where there are none"
        )
    scores = _scores(row, len(documents), where)
    best = max(range(len(documents)), key=scores.__getitem__)
    if row.get("positive") is not None:
        positive = _text(row, "positive", where)
        if positive not in documents:
            raise InvalidDataError(f"{where}: field 'positive' is not one of {field!r}")
        best = documents.index(positive)
    order = [best, *(at for at in range(len(documents)) if at != best)]
    return _without_copies(
        query, tuple(documents[at] for at in order), tuple(scores[at] for at in order)
    )


def _without_copies(
    query: str, documents: tuple[str, ...], scores: tuple[float, ...] | None
) -> Example:
    if len(set(documents)) == len(documents):
        return Example(query, documents, scores)
    kept = [at for at, text in enumerate(documents) if documents.index(text) == at]
    return Example(
        query,
        tuple(documents[at] for at in kept),
        None if scores is None else tuple(scores[at] for at in kept),
    )


def _positive(row: Mapping[str, object], where: str) -> str:
    if row.get("positive") is None:
        raise InvalidDataError(
            f"{where}: no field 'positive': the query has no positive; the row has "
            f"{', '.join(map(repr, row))}"
        )
    positive = _text(row, "positive", where)
    if not positive.strip():
        raise InvalidDataError(f"{where}: field 'positive' is empty: the query has no positive")
    return positive


def _negatives(row: Mapping[str, object], where: str) -> list[str]:
    if row.get("negatives") is not None:
        return _texts(row, "negatives", where)
    negative = row.get("negative")
    if negative is None:
        return []
    if isinstance(negative, str):
        return [_text(row, "negative", where)]
    return _texts(row, "negative", where)


def _texts(row: Mapping[str, object], field: str, where: str) -> list[str]:
    values = row[field]
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise InvalidDataError(
            f"{where}: field {field!r} is {type(values).__name__}: expected a list of strings"
        )
    return [_checked(value, f"{field}[{at}]", where) for at, value in enumerate(values)]


def _text(row: Mapping[str, object], field: str, where: str) -> str:
    if field not in row:
        raise InvalidDataError(
            f"{where}: no field {field!r}; the row has {', '.join(map(repr, row)) or 'none'}"
        )
    return _checked(row[field], field, where)


def _checked(value: object, field: str, where: str) -> str:
    try:
        return require_text(value, name=f"field {field!r}")
    except (InvalidInputError, InvalidTypeError) as error:
        raise InvalidDataError(f"{where}: {error}") from error


def _scores(row: Mapping[str, object], expected: int, where: str) -> tuple[float, ...]:
    values = row["scores"]
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise InvalidDataError(
            f"{where}: field 'scores' is {type(values).__name__}: expected a list of numbers"
        )
    if len(values) != expected:
        raise InvalidDataError(
            f"{where}: field 'scores' has {len(values)} numbers: expected {expected}, one for each "
            "document"
        )
    for at, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise InvalidDataError(
                f"{where}: field 'scores[{at}]' is {value!r}: expected a finite number; score the "
                "row again or drop it"
            )
    return tuple(float(value) for value in values)
