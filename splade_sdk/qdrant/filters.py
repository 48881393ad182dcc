"""Filters as plain dictionaries -> Qdrant's Filter; pure.

Keys are metadata fields and are joined by AND; ``author.name`` leads into nested objects, and a
name that has dots or brackets in it goes in double quotes, as in ``"a.b".c``::

    {"year": 2024}                              equal; numbers also as floats
    {"year": {"gte": 2000, "lt": 2010}}         in a range: numbers, dates, or ISO 8601 strings
    {"tag": ["a", "b"]}                         any of; the same as {"tag": {"any": ["a", "b"]}}
    {"tag": {"except": ["a", "b"]}}             has a value that is none of these
    {"tag": {"ne": "a"}}                        not equal, or without the field
    {"title": {"text": "sparse vector"}}        has all these words
    {"tag": {"exists": True}}                   has the field, and it is not null or []
    {"$or": [{...}, {...}]}, {"$and": [...]}, {"$not": {...}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from qdrant_client import models

from splade_sdk.errors import InvalidFilterError, InvalidInputError
from splade_sdk.qdrant.payload import EXACT, fits_64_bits, iso_datetime, metadata_path, plain

if TYPE_CHECKING:
    from typing import TypeAlias

    Condition: TypeAlias = models.FieldCondition | models.IsEmptyCondition | models.Filter

__all__ = ["to_filter"]

_BOUNDS = ("gt", "gte", "lt", "lte")
_MAX_DEPTH = 32


def to_filter(given: Mapping[str, Any] | models.Filter | None) -> models.Filter | None:
    """Return Qdrant's filter for the dictionary form (see the module's docstring).

    Args:
        given: Conditions; a Filter passes unchanged, and no condition at all gives None.

    Raises:
        InvalidFilterError: if a key, operator or value has the wrong shape; the message names the
            key and what is valid.
    """
    if given is None or isinstance(given, models.Filter):
        return given
    conditions = _conditions(given, "filter", 1)
    return models.Filter(must=conditions) if conditions else None


def _conditions(given: object, where: str, depth: int) -> list[Any]:
    if depth > _MAX_DEPTH:
        raise InvalidFilterError(
            f"{where} nests filters deeper than {_MAX_DEPTH} levels: join conditions in one "
            "dictionary, or in one list of $and or $or"
        )
    if not isinstance(given, Mapping):
        raise InvalidFilterError(
            f"{where} is {type(given).__name__}: expected a dictionary such as {{'year': 2024}}, "
            "or qdrant_client.models.Filter"
        )
    made: list[Any] = []
    for key, value in given.items():
        if not isinstance(key, str) or not key:
            raise InvalidFilterError(f"{where} has the key {key!r}: expected a field's name")
        if key.startswith("$"):
            made.append(_combined(key, value, depth + 1))
        else:
            made.extend(_field(key, value))
    return made


def _combined(key: str, value: object, depth: int) -> models.Filter:
    if key == "$not":
        return models.Filter(must_not=[models.Filter(must=_some(value, key, depth))])
    if key not in ("$and", "$or"):
        raise _unknown(f"filter key {key!r} is unknown", key, ["$and", "$not", "$or"])
    if not isinstance(value, list | tuple) or not value:
        raise InvalidFilterError(
            f"{key} is {value!r}: expected a list of filters, such as [{{'year': 2024}}]"
        )
    parts: list[Any] = [models.Filter(must=_some(each, key, depth)) for each in value]
    return models.Filter(must=parts) if key == "$and" else models.Filter(should=parts)


def _some(given: object, where: str, depth: int) -> list[Any]:
    if conditions := _conditions(given, where, depth):
        return conditions
    raise InvalidFilterError(f"{where} holds an empty filter: name at least one field")


def _field(key: str, value: object) -> list[Any]:
    try:
        path = metadata_path(key)
    except InvalidInputError as error:
        raise InvalidFilterError(f"filter: {error}") from error
    if isinstance(value, list | tuple | set | frozenset):
        return [_any(key, path, value)]
    if not isinstance(value, Mapping):
        return [_equal(key, path, value)]
    if not value:
        raise _unknown(f"filter {key!r} names no operator", "", [*_BOUNDS, *_OPERATORS])
    made: list[Any] = []
    if bounds := {name: value[name] for name in _BOUNDS if name in value}:
        made.append(_range(key, path, bounds))
    for name, operand in value.items():
        if name in _BOUNDS:
            continue
        if name not in _OPERATORS:
            raise _unknown(
                f"filter {key!r} has the unknown operator {name!r}",
                str(name),
                [*_BOUNDS, *_OPERATORS],
            )
        made.append(_OPERATORS[name](key, path, operand))
    return made


def _equal(key: str, path: str, given: object) -> Condition:
    value = _value(key, given)
    if value is None:
        return models.FieldCondition(key=path, is_null=True)
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) > EXACT):
        return models.FieldCondition(key=path, match=models.MatchValue(value=value))
    # A range finds a number stored as an int and as a float; a match would not.
    return models.FieldCondition(key=path, range=models.Range(gte=value, lte=value))


def _value(key: str, given: object) -> bool | int | float | str | None:
    """Return a single value as Qdrant compares it."""
    value = plain(given)
    if isinstance(value, date):
        return iso_datetime(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and not fits_64_bits(value):
        raise InvalidFilterError(
            f"filter {key!r} is {value}: it does not fit in 64 bits, so that no document has it"
        )
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InvalidFilterError(
        f"filter {key!r} is {given!r} ({type(given).__name__}): expected a string, finite number, "
        "bool, date or None, a list of those, or operators such as {'gte': 2000}"
    )


def _not_equal(key: str, path: str, value: object) -> models.Filter:
    return models.Filter(must_not=[_equal(key, path, value)])


def _any(key: str, path: str, values: object) -> Condition:
    # One condition for all strings and one for all ints: each condition is a look at the payload.
    listed = [_value(key, each) for each in _listed(key, "any", values)]
    distinct = {(type(each), each): each for each in listed}.values()  # True == 1
    strings = [each for each in distinct if isinstance(each, str)]
    ints = [each for each in distinct if type(each) is int]
    others = [each for each in distinct if not isinstance(each, str) and type(each) is not int]
    conditions: list[Any] = [
        models.FieldCondition(key=path, match=models.MatchAny(any=each))
        for each in (strings, ints)
        if each
    ]
    conditions += [_equal(key, path, each) for each in others]
    if not conditions:
        return models.FieldCondition(key=path, match=models.MatchAny(any=list[str]()))
    return conditions[0] if len(conditions) == 1 else models.Filter(should=conditions)


def _except(key: str, path: str, values: object) -> models.FieldCondition:
    one = [_value(key, each) for each in _listed(key, "except", values)]
    if not one or not (all(type(v) is str for v in one) or all(type(v) is int for v in one)):
        raise InvalidFilterError(
            f"filter {key!r}: except is {values!r}: expected strings only or whole numbers only, "
            "at least one; for other values use 'ne' or '$not'"
        )
    return models.FieldCondition(key=path, match=models.MatchExcept.model_validate({"except": one}))


def _text(key: str, path: str, value: object) -> models.FieldCondition:
    if not isinstance(value, str):
        raise InvalidFilterError(
            f"filter {key!r}: text is {value!r} ({type(value).__name__}): expected words to find"
        )
    return models.FieldCondition(key=path, match=models.MatchText(text=value))


def _exists(key: str, path: str, value: object) -> Condition:
    if not isinstance(value, bool):
        raise InvalidFilterError(f"filter {key!r}: exists is {value!r}: expected True or False")
    empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=path))
    return models.Filter(must_not=[empty]) if value else empty


_OPERATORS: dict[str, Callable[[str, str, Any], Condition]] = {
    "any": _any,
    "except": _except,
    "exists": _exists,
    "ne": _not_equal,
    "text": _text,
}


def _range(key: str, path: str, given: Mapping[str, object]) -> models.FieldCondition:
    bounds = {name: plain(bound) for name, bound in given.items()}
    if all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds.values()):
        for name, bound in bounds.items():
            _require_exact(key, name, bound)
        return models.FieldCondition(key=path, range=models.Range.model_validate(bounds))
    if all(isinstance(bound, date | str) for bound in bounds.values()):
        dates = {name: _moment(key, name, bound) for name, bound in bounds.items()}
        return models.FieldCondition(key=path, range=models.DatetimeRange.model_validate(dates))
    raise InvalidFilterError(
        f"filter {key!r} has the bounds {dict(given)!r}: expected numbers only, or dates only "
        "(date, datetime, or an ISO 8601 string)"
    )


def _require_exact(key: str, name: str, bound: int | float) -> None:
    if not math.isfinite(bound):
        raise InvalidFilterError(
            f"filter {key!r}: {name} is {bound}: expected a finite number; leave the bound out "
            "where there is none"
        )
    if isinstance(bound, int) and abs(bound) > EXACT:
        raise InvalidFilterError(
            f"filter {key!r}: {name} is {bound}: ranges compare floats of 64 bits, which are exact "
            f"up to 2**53 = {EXACT}; for times use dates, or pass float({bound}) where rounding "
            "does no harm"
        )


def _moment(key: str, name: str, bound: Any) -> datetime:
    text = bound if isinstance(bound, str) else iso_datetime(bound)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InvalidFilterError(
            f"filter {key!r}: {name} is {bound!r}: expected a number, a date, or an ISO 8601 "
            "string such as '2024-05-01T12:00:00Z'; text has no order"
        ) from error
    return datetime.fromisoformat(iso_datetime(moment))


def _listed(key: str, operator: str, values: object) -> list[Any]:
    if isinstance(values, list | tuple | set | frozenset):
        return list(values)
    raise InvalidFilterError(f"filter {key!r}: {operator} is {values!r}: expected a list of values")


def _unknown(what: str, name: str, valid: list[str]) -> InvalidFilterError:
    near = get_close_matches(name, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return InvalidFilterError(f"{what}{hint or '.'} Valid: {', '.join(sorted(valid))}")
