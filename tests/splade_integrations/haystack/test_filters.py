"""Haystack's filters as ours, one by one."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("haystack")

from haystack.errors import FilterError

from splade_integrations.haystack.filters import from_haystack_filters


def compare(operator: str, value: Any, field: str = "meta.year") -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, None),
        ({}, None),
        (compare("==", 2024), {"year": 2024}),
        (compare("==", 2024, "year"), {"year": 2024}),
        (compare("==", "x", "meta.author.name"), {"author.name": "x"}),
        (compare("==", None), {"year": {"exists": False}}),
        (compare("!=", 2024), {"$not": {"year": 2024}}),
        (compare("!=", None), {"year": {"exists": True}}),
        (compare(">", 1), {"year": {"gt": 1}}),
        (compare(">=", 1.5), {"year": {"gte": 1.5}}),
        (compare("<", "2024-05-01"), {"year": {"lt": "2024-05-01"}}),
        (compare("<=", None), {"year": {"any": []}}),
        (compare("in", [1, 2]), {"year": {"any": [1, 2]}}),
        (compare("not in", [1, 2]), {"$not": {"year": {"any": [1, 2]}}}),
        (
            {"operator": "AND", "conditions": [compare("==", 1), compare("==", 2)]},
            {"$and": [{"year": 1}, {"year": 2}]},
        ),
        ({"operator": "OR", "conditions": [compare("==", 1)]}, {"$or": [{"year": 1}]}),
        # NOT denies all of its conditions together.
        (
            {"operator": "NOT", "conditions": [compare("==", 1), compare("==", 2)]},
            {"$not": {"$and": [{"year": 1}, {"year": 2}]}},
        ),
    ],
)
def test_each_operator(given: Any, wanted: Any) -> None:
    assert from_haystack_filters(given) == wanted


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"conditions": []}, "'operator' key missing"),
        ({"operator": "AND"}, "'conditions' key missing"),
        ({"operator": "AND", "conditions": []}, "is empty"),
        ({"operator": "XOR", "conditions": [compare("==", 1)]}, "unknown operator 'XOR'"),
        ({"operator": "AND", "conditions": ["x"]}, "expected a dictionary"),
        (compare("~", 1), "unknown operator '~'"),
        (compare(">", [1]), "expected a number or a date"),
        (compare(">", True), "expected a number or a date"),
        (compare("==", [1]), "expected a single value"),
        (compare("in", "x"), "expected a list"),
        (compare("==", "x", "content"), "one of the metadata"),
        ({"field": "meta.x", "value": 1}, "'operator' key missing"),
        ({"field": "meta.x", "operator": "=="}, "'value' key missing"),
    ],
)
def test_what_is_wrong_is_named(given: Any, told: str) -> None:
    with pytest.raises(FilterError, match=told):
        from_haystack_filters(given)
