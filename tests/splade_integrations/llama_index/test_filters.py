"""LlamaIndex's filters as ours; what they find is tested with the retriever."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from splade_integrations.llama_index.filters import _OPERATORS, from_metadata_filters
from splade_sdk.errors import InvalidFilterError


def one(value: Any, operator: FilterOperator) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key="k", value=value, operator=operator)])


@pytest.mark.parametrize("filters", [None, MetadataFilters(filters=[])])
def test_no_filter_is_none(filters: MetadataFilters | None) -> None:
    assert from_metadata_filters(filters) is None


def test_filters_can_be_nested() -> None:
    given = MetadataFilters(
        filters=[
            one(1, FilterOperator.GT),
            MetadataFilters(filters=[]),
            MetadataFilters(
                filters=[one("a", FilterOperator.EQ), one("b", FilterOperator.EQ)],
                condition=FilterCondition.OR,
            ),
        ]
    )
    assert from_metadata_filters(given) == {
        "$and": [
            {"$and": [{"k": {"gt": 1}}]},
            {"$or": [{"$and": [{"k": "a"}]}, {"$and": [{"k": "b"}]}]},
        ]
    }


def test_every_operator_is_known_but_one() -> None:
    missing = set(FilterOperator) - set(_OPERATORS)
    assert missing == {FilterOperator.TEXT_MATCH_INSENSITIVE}
    with pytest.raises(InvalidFilterError, match="text_match_insensitive"):
        from_metadata_filters(one("x", FilterOperator.TEXT_MATCH_INSENSITIVE))


@pytest.mark.parametrize(
    ("value", "operator", "told"),
    [
        (["a"], FilterOperator.EQ, "expected a single value"),
        ("a", FilterOperator.IN, "expected a list"),
    ],
)
def test_values_of_the_wrong_kind_are_named(
    value: Any, operator: FilterOperator, told: str
) -> None:
    with pytest.raises(InvalidFilterError, match=told):
        from_metadata_filters(one(value, operator))
