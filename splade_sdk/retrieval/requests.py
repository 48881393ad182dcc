"""Checks of what callers ask a retriever for; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from splade_sdk.errors import InvalidInputError, InvalidTypeError
from splade_sdk.qdrant.base import PayloadFields
from splade_sdk.qdrant.payload import payload_path
from splade_sdk.retrieval.fusion import LegName
from splade_sdk.types.arguments import require_whole

__all__ = [
    "require_ids",
    "require_instance",
    "require_leg_thresholds",
    "require_page",
    "require_payload_fields",
]


def require_page(limit: object, offset: object, score_threshold: object) -> None:
    """Check how many hits are asked for, from where, and how good.

    Raises:
        InvalidTypeError: if one is no number at all.
        InvalidInputError: if ``limit`` is below 1, ``offset`` below 0 or the threshold not finite.
    """
    require_whole(limit, "limit", 1)
    require_whole(offset, "offset", 0)
    if score_threshold is not None:
        _require_threshold(score_threshold, "score_threshold")


def require_leg_thresholds(given: object) -> dict[LegName, float]:
    """Return the lowest score of each leg that has one.

    Raises:
        InvalidTypeError: if it is no mapping of leg to number.
        InvalidInputError: if there is no such leg, or a threshold is not finite.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidTypeError(
            f"leg_thresholds is {type(given).__name__}: expected a mapping such as {{'dense': 0.5}}"
        )
    for leg, threshold in given.items():
        if leg not in ("sparse", "dense"):
            raise InvalidInputError(f"leg_thresholds has {leg!r}: expected 'sparse' or 'dense'")
        _require_threshold(threshold, f"leg_thresholds[{leg!r}]")
    return dict(given)


def require_payload_fields(given: object) -> PayloadFields:
    """Return what to read of payloads.

    Raises:
        InvalidTypeError: if it is neither a bool nor a list of field names.
    """
    if isinstance(given, bool):
        return given
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise InvalidTypeError(
            f"with_payload is {given!r}: expected True, False, or a list of fields such as "
            "['text', 'year']"
        )
    for each in given:
        if not isinstance(each, str):
            raise InvalidTypeError(f"with_payload has {each!r}: expected names of fields")
    return tuple(payload_path(each) for each in given)


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


def require_instance(value: object, name: str, kind: type, expected: str) -> None:
    """Raise InvalidTypeError unless a value is of a class."""
    if not isinstance(value, kind):
        raise InvalidTypeError(f"{name} is {value!r}: expected {expected}")


def _require_threshold(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} is {type(value).__name__}: expected a number or None")
    if not math.isfinite(value):
        raise InvalidInputError(
            f"{name} is {value}: expected a finite number, or None for no limit"
        )
