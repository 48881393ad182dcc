"""Shapes and refusals; that the filters find the right points is in the contract suite."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pytest
from qdrant_client import models

from splade_sdk.errors import InvalidFilterError
from splade_sdk.qdrant.filters import to_filter


def field(key: str, **condition: Any) -> models.FieldCondition:
    return models.FieldCondition(key=f"metadata.{key}", **condition)


def value(key: str, wanted: Any) -> models.FieldCondition:
    return field(key, match=models.MatchValue(value=wanted))


NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("given", "conditions"),
    [
        ({"year": 2024}, [value("year", 2024)]),
        ({"a": 1, "b": "x"}, [value("a", 1), value("b", "x")]),
        ({"x": 0.5}, [field("x", range=models.Range(gte=0.5, lte=0.5))]),
        ({"x": None}, [field("x", is_null=True)]),
        ({"day": date(2024, 5, 1)}, [value("day", "2024-05-01")]),
        ({"at": NOON}, [value("at", "2024-05-01T12:00:00+00:00")]),
        ({"y": {"gte": 1, "lt": 2.5}}, [field("y", range=models.Range(gte=1, lt=2.5))]),
        (
            {"at": {"gt": "2024-05-01T12:00:00Z", "lte": date(2024, 6, 1)}},
            [
                field(
                    "at",
                    range=models.DatetimeRange(
                        gt=NOON, lte=datetime(2024, 6, 1, tzinfo=timezone.utc)
                    ),
                )
            ],
        ),
        (
            {"at": {"gt": "2024-05-01T14:00:00+02:00"}},
            [field("at", range=models.DatetimeRange(gt=NOON))],
        ),
        ({"t": ["a", "b"]}, [field("t", match=models.MatchAny(any=["a", "b"]))]),
        ({"t": {"any": (1, 2)}}, [field("t", match=models.MatchAny(any=[1, 2]))]),
        ({"t": [True, 2.5]}, [models.Filter(should=[
            value("t", True), field("t", range=models.Range(gte=2.5, lte=2.5))])]),
        ({"t": {"except": ["a"]}}, [field("t", match=models.MatchExcept(**{"except": ["a"]}))]),
        ({"t": {"text": "two words"}}, [field("t", match=models.MatchText(text="two words"))]),
        ({"t": {"ne": 3}}, [models.Filter(must_not=[value("t", 3)])]),
        ({"t": {"gt": 1, "ne": 3}}, [
            field("t", range=models.Range(gt=1)), models.Filter(must_not=[value("t", 3)])]),
        ({"$or": [{"a": 1}, {"b": 2, "c": 3}]}, [models.Filter(should=[
            models.Filter(must=[value("a", 1)]),
            models.Filter(must=[value("b", 2), value("c", 3)])])]),
        ({"$not": {"a": 1, "b": 2}}, [
            models.Filter(must_not=[models.Filter(must=[value("a", 1), value("b", 2)])])]),
    ],
)  # fmt: skip
def test_the_conditions_of_a_filter(given: dict[str, Any], conditions: list[Any]) -> None:
    assert to_filter(given) == models.Filter(must=conditions)


def test_nothing_to_filter_by() -> None:
    assert to_filter(None) is None
    assert to_filter({}) is None


def test_a_qdrant_filter_passes_unchanged() -> None:
    given = models.Filter(must=[])
    assert to_filter(given) is given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"y": {"gtee": 1}}, r"'y' has .* operator 'gtee'; did you mean 'gte'\? Valid: any"),
        ({"y": {"zzz": 1}}, r"'y' has the unknown operator 'zzz'\. Valid: any"),
        ({"y": {}}, r"'y' names no operator\. Valid: any"),
        ({"$orr": []}, r"'\$orr' is unknown; did you mean '\$or'\? Valid: \$and, \$not, \$or"),
        ({"$or": {}}, r"\$or is \{\}: expected a list of filters"),
        ({"$or": []}, r"\$or is \[\]"),
        ({"$or": [{}]}, r"\$or holds an empty filter"),
        ({"$not": {}}, r"\$not holds an empty filter"),
        ({"$not": 3}, r"\$not is int: expected a dictionary"),
        ("year", r"filter is str: expected a dictionary such as"),
        ({3: 1}, r"the key 3: expected a field's name"),
        ({"": 1}, r"the key ''"),
        ({"y": object()}, r"'y' is <object .*\(object\): expected a string, number"),
        ({"y": float("nan")}, r"'y' is nan"),
        ({"y": {"gte": "soon"}}, r"'y': gte is 'soon': expected a number, a date, or an ISO 8601"),
        ({"y": {"gte": 1, "lt": "2024-01-01"}}, r"'y' .*: expected numbers only, or dates only"),
        ({"y": {"gte": True}}, r"'y' has the bounds"),
        ({"y": {"any": "abc"}}, r"'y': any is 'abc': expected a list"),
        ({"y": {"except": [1, "a"]}}, r"'y': except is \[1, 'a'\]: expected strings only or whole"),
        ({"y": {"except": []}}, r"'y': except is \[\]"),
        ({"y": {"text": 3}}, r"'y': text is 3"),
        ({"y": {"exists": 1}}, r"'y': exists is 1: expected True or False"),
        ({"y": [object()]}, r"'y' is <object"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_told(given: Any, told: str) -> None:
    with pytest.raises(InvalidFilterError, match=told):
        to_filter(given)
