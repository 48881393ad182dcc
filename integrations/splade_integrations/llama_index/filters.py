"""LlamaIndex's metadata filters -> those of our Retriever; pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from splade_sdk.errors import InvalidFilterError

__all__ = ["from_metadata_filters"]

Filter = dict[str, Any]

_OPERATORS: dict[FilterOperator, Callable[[str, Any], Filter]] = {
    FilterOperator.EQ: lambda key, value: {key: value},
    FilterOperator.NE: lambda key, value: {key: {"ne": value}},
    FilterOperator.GT: lambda key, value: {key: {"gt": value}},
    FilterOperator.GTE: lambda key, value: {key: {"gte": value}},
    FilterOperator.LT: lambda key, value: {key: {"lt": value}},
    FilterOperator.LTE: lambda key, value: {key: {"lte": value}},
    FilterOperator.IN: lambda key, value: {key: {"any": value}},
    FilterOperator.NIN: lambda key, value: {"$not": {key: {"any": value}}},
    FilterOperator.ANY: lambda key, value: {key: {"any": value}},
    FilterOperator.ALL: lambda key, value: {"$and": [{key: each} for each in value]},
    FilterOperator.CONTAINS: lambda key, value: {key: value},
    FilterOperator.TEXT_MATCH: lambda key, value: {key: {"text": value}},
    FilterOperator.IS_EMPTY: lambda key, _: {key: {"exists": False}},
}
_WITH_LIST = {FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL}


def from_metadata_filters(filters: MetadataFilters | None) -> Filter | None:
    """Return our form of metadata filters; None, and no filter at all, give None.

    Raises:
        InvalidFilterError: if an operator has no counterpart, or a value is of the wrong kind.
    """
    if filters is None or not filters.filters:
        return None
    parts = [
        _one(each) if isinstance(each, MetadataFilter) else from_metadata_filters(each)
        for each in filters.filters
    ]
    made = [part for part in parts if part is not None]
    if not made:
        return None
    if filters.condition == FilterCondition.NOT:
        return {"$not": {"$or": made}}
    return {"$or" if filters.condition == FilterCondition.OR else "$and": made}


def _one(given: MetadataFilter) -> Filter:
    if given.operator not in _OPERATORS:
        raise InvalidFilterError(
            f"filter {given.key!r} has the operator {given.operator.value!r}: expected one of "
            f"{sorted(each.value for each in _OPERATORS)}"
        )
    if isinstance(given.value, list) != (given.operator in _WITH_LIST):
        wanted = "a list" if given.operator in _WITH_LIST else "a single value"
        raise InvalidFilterError(
            f"filter {given.key!r}: {given.operator.value} is {given.value!r}: expected {wanted}"
        )
    return _OPERATORS[given.operator](given.key, given.value)
