"""Shapes and refusals; that the filters find the right points is in the contract suite."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from splade_sdk.errors import InvalidFilterError
from splade_sdk.qdrant.filters import to_filter


def field(key: str, **condition: Any) -> models.FieldCondition:
    return models.FieldCondition(key=f"metadata.{key}", **condition)


def value(key: str, wanted: Any) -> models.FieldCondition:
    return field(key, match=models.MatchValue(value=wanted))


def number(key: str, wanted: float) -> models.FieldCondition:
    return field(key, range=models.Range(gte=wanted, lte=wanted))


NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("given", "conditions"),
    [
        ({"year": 2024}, [number("year", 2024)]),
        ({"year": 2024.0}, [number("year", 2024)]),
        ({"a": 1, "b": "x"}, [number("a", 1), value("b", "x")]),
        ({"x": 0.5}, [number("x", 0.5)]),
        ({"x": 2**53}, [number("x", 2**53)]),
        ({"x": 2**53 + 1}, [value("x", 2**53 + 1)]),
        ({"x": -(2**63)}, [value("x", -(2**63))]),
        ({"x": np.int64(3)}, [number("x", 3)]),
        ({"x": np.float32(0.5)}, [number("x", 0.5)]),
        ({"x": np.bool_(True)}, [value("x", True)]),
        ({"x": np.str_("a")}, [value("x", "a")]),
        ({"day": np.datetime64("2024-05-01")}, [value("day", "2024-05-01")]),
        ({"at": np.datetime64("2024-05-01T12:00:00.000000001")}, [
            value("at", "2024-05-01T12:00:00+00:00")]),
        ({"y": {"gte": np.int32(1)}}, [field("y", range=models.Range(gte=1))]),
        ({"y": {"gte": float(2**60)}}, [field("y", range=models.Range(gte=2.0**60))]),
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
        ({"t": [True, 2.5]}, [models.Filter(should=[value("t", True), number("t", 2.5)])]),
        ({"t": [1, "a", 2.0, True, "b", None, 1]}, [models.Filter(should=[
            field("t", match=models.MatchAny(any=["a", "b"])),
            field("t", match=models.MatchAny(any=[1, 2])),
            value("t", True), field("t", is_null=True)])]),
        ({"t": [np.int64(1), 2.0]}, [field("t", match=models.MatchAny(any=[1, 2]))]),
        ({"t": {"except": [1.0, np.int8(2)]}}, [
            field("t", match=models.MatchExcept(**{"except": [1, 2]}))]),
        ({'"a.b".c': "x"}, [value('"a.b".c', "x")]),
        ({"two words": "x"}, [value('"two words"', "x")]),
        ({"t": {"except": ["a"]}}, [field("t", match=models.MatchExcept(**{"except": ["a"]}))]),
        ({"t": {"text": "two words"}}, [field("t", match=models.MatchText(text="two words"))]),
        ({"t": {"ne": 3}}, [models.Filter(must_not=[number("t", 3)])]),
        ({"t": {"gt": 1, "ne": 3}}, [
            field("t", range=models.Range(gt=1)), models.Filter(must_not=[number("t", 3)])]),
        ({"$or": [{"a": 1}, {"b": 2, "c": 3}]}, [models.Filter(should=[
            models.Filter(must=[number("a", 1)]),
            models.Filter(must=[number("b", 2), number("c", 3)])])]),
        ({"$not": {"a": 1, "b": 2}}, [
            models.Filter(must_not=[models.Filter(must=[number("a", 1), number("b", 2)])])]),
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
        ({"y": object()}, r"'y' is <object .*\(object\): expected a string, finite number"),
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
        ({"y": float("inf")}, r"'y' is inf \(float\): expected a string, finite number"),
        ({"y": [1.5, float("nan")]}, r"'y' is nan"),
        ({"y": 2**63}, r"'y' is 9223372036854775808: it does not fit in 64 bits"),
        ({"y": [2**63]}, r"'y' is 9223372036854775808: it does not fit in 64 bits"),
        ({"y": {"except": [2**63, 1]}}, r"it does not fit in 64 bits"),
        ({"y": {"gte": 2**53 + 1}}, r"'y': gte is 9007199254740993: .* up to 2\*\*53.*float\("),
        ({"y": {"lt": float("inf")}}, r"'y': lt is inf: .* leave the bound out"),
        ({"y": {"gt": float("nan")}}, r"'y': gt is nan"),
        ({"y": np.timedelta64(3, "ns")}, r"\(timedelta64\)"),
        ({"y": np.datetime64("NaT")}, r"'y' is .*NaT"),
        ({'say "hi"': 1}, r"field 'say \"hi\"': double quotes enclose whole parts of a path"),
        ({"a..b": 1}, r"field 'a..b' has an empty part"),
        ({"a.": 1}, r"field 'a.' has an empty part"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_told(given: Any, told: str) -> None:
    with pytest.raises(InvalidFilterError, match=told):
        to_filter(given)


@pytest.mark.parametrize("key", ["$not", "$and", "$or"])
def test_a_filter_nested_too_deep_is_told(key: str) -> None:
    given: dict[str, Any] = {"y": 1}
    for _ in range(100_000):
        given = {key: given if key == "$not" else [given]}
    with pytest.raises(InvalidFilterError, match=rf"\{key} nests filters deeper than 32 levels"):
        to_filter(given)
    while isinstance(given, dict):  # taken apart here, as freeing it nested would overflow too
        given = given.get(key) if key == "$not" else given.get(key, [None])[0]  # type: ignore[assignment]


def test_a_filter_within_itself_is_told() -> None:
    given: dict[str, Any] = {}
    given["$not"] = given
    with pytest.raises(InvalidFilterError, match="deeper than 32 levels"):
        to_filter(given)


def test_a_long_list_of_mixed_types_is_a_few_conditions() -> None:
    mixed = [*range(1000), *map(str, range(1000)), True, False, None]
    found = to_filter({"t": mixed})
    assert found is not None
    [either] = found.must  # type: ignore[union-attr]
    assert len(either.should) == 5  # type: ignore[union-attr, arg-type]
