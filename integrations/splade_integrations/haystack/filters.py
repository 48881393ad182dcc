"""Haystack's filters -> those of our Retriever; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from haystack import Document
from haystack.errors import FilterError

__all__ = ["from_haystack_filters"]

Filter = dict[str, Any]

_BOUNDS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_DOCUMENT_FIELDS = {field.name for field in fields(Document)}


def from_haystack_filters(filters: Mapping[str, Any] | None) -> Filter | None:
    """Return our form of a filter; None and ``{}`` give None.

    Fields are those of ``meta``, with or without the prefix ``meta.``.

    Args:
        filters: ``{"field", "operator", "value"}``, or ``{"operator", "conditions"}``.

    Raises:
        FilterError: if a key is missing, or an operator or value is not allowed.
    """
    return _filter(filters) if filters else None


def _filter(given: object) -> Filter:
    if not isinstance(given, Mapping):
        raise FilterError(f"a filter is {given!r}: expected a dictionary")
    if "field" in given:
        return _comparison(given)
    for needed in ("operator", "conditions"):
        if needed not in given:
            raise FilterError(f"'{needed}' key missing in {dict(given)!r}")
    operator, conditions = given["operator"], [_filter(each) for each in given["conditions"]]
    if operator not in _COMBINED:
        raise FilterError(f"unknown operator {operator!r}: expected one of {sorted(_COMBINED)}")
    if not conditions:
        raise FilterError(f"'conditions' of {operator!r} is empty: expected at least one filter")
    return _COMBINED[operator](conditions)


_COMBINED: dict[str, Callable[[list[Filter]], Filter]] = {
    "AND": lambda conditions: {"$and": conditions},
    "OR": lambda conditions: {"$or": conditions},
    "NOT": lambda conditions: {"$not": {"$and": conditions}},
}


def _comparison(given: Mapping[str, Any]) -> Filter:
    for needed in ("operator", "value"):
        if needed not in given:
            raise FilterError(f"'{needed}' key missing in {dict(given)!r}")
    operator, value = given["operator"], given["value"]
    field = _field(given["field"])
    if operator == "==":
        return {field: {"exists": False}} if value is None else _equal(field, value)
    if operator == "!=":
        return {field: {"exists": True}} if value is None else {"$not": _equal(field, value)}
    if operator in _BOUNDS:
        return _ordered(field, operator, value)
    if operator in ("in", "not in"):
        if not isinstance(value, list):
            raise FilterError(f"{operator!r} of {field!r} has {value!r}: expected a list")
        within = {field: {"any": value}}
        return within if operator == "in" else {"$not": within}
    raise FilterError(
        f"unknown operator {operator!r}: expected ==, !=, >, >=, <, <=, 'in' or 'not in'"
    )


def _equal(field: str, value: object) -> Filter:
    if isinstance(value, list | dict):
        raise FilterError(f"{field!r} is compared with {value!r}: expected a single value, or 'in'")
    return {field: value}


def _ordered(field: str, operator: str, value: object) -> Filter:
    if value is None:
        return {field: {"any": []}}  # nothing is before or after None
    if isinstance(value, bool) or not isinstance(value, int | float | str | date):
        raise FilterError(f"{operator!r} of {field!r} has {value!r}: expected a number or a date")
    return {field: {_BOUNDS[operator]: value}}


def _field(name: object) -> str:
    if isinstance(name, str) and name.startswith("meta."):
        return name.removeprefix("meta.")
    if not isinstance(name, str) or not name or name in _DOCUMENT_FIELDS:
        raise FilterError(f"field is {name!r}: expected one of the metadata, such as 'meta.year'")
    return name
