"""Checks of what callers ask a retriever for; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from splade_sdk.encoders.inputs import require_text
from splade_sdk.errors import InvalidInputError, InvalidTypeError
from splade_sdk.types import SparseVector

__all__ = ["require_ids", "require_page", "require_queries"]


def require_queries(queries: object) -> list[str | SparseVector]:
    """Return the queries as a list, each a text or a vector.

    Raises:
        InvalidTypeError: if it is not an iterable of those; the message names the position.
        InvalidInputError: if a text is not valid Unicode.
    """
    if isinstance(queries, str | bytes | SparseVector) or not isinstance(queries, Iterable):
        raise InvalidTypeError(
            f"queries is {type(queries).__name__}: expected a list of strings or vectors; "
            "search() takes a single one"
        )
    return [
        query if isinstance(query, SparseVector) else require_text(query, name=f"queries[{at}]")
        for at, query in enumerate(queries)
    ]


def require_page(limit: object, offset: object, score_threshold: object) -> None:
    """Check how many hits are asked for, from where, and how good.

    Raises:
        InvalidTypeError: if one is no number at all.
        InvalidInputError: if ``limit`` is below 1, ``offset`` below 0 or the threshold not finite.
    """
    _require_whole(limit, "limit", 1)
    _require_whole(offset, "offset", 0)
    if score_threshold is None:
        return
    if isinstance(score_threshold, bool) or not isinstance(score_threshold, int | float):
        raise InvalidTypeError(
            f"score_threshold is {type(score_threshold).__name__}: expected a number or None"
        )
    if not math.isfinite(score_threshold):
        raise InvalidInputError(
            f"score_threshold is {score_threshold}: expected a finite number, or None for no limit"
        )


def require_ids(ids: object) -> list[str]:
    """Return document ids as a list of strings.

    Raises:
        InvalidTypeError: if it is not a sequence of strings; the message names the position.
    """
    if isinstance(ids, bytes) or not isinstance(ids, Sequence | set | frozenset):
        raise InvalidTypeError(
            f"ids is {type(ids).__name__}: expected one id or a list of them, each a string"
        )
    for at, each in enumerate(ids):
        if not isinstance(each, str):
            raise InvalidTypeError(
                f"ids[{at}] is {each!r} ({type(each).__name__}): document ids are strings, as in "
                f"{str(each)!r}"
            )
    return list(ids)


def _require_whole(value: object, name: str, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidTypeError(
            f"{name} is {value!r} ({type(value).__name__}): expected a whole number"
        )
    if value < lowest:
        raise InvalidInputError(f"{name} is {value}: expected {lowest} or more")
