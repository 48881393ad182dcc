"""Every condition reaches the embedded engine and means there what it means elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import models

from splade_sdk.config import Fingerprint
from splade_sdk.errors import InvalidFilterError
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.memory import MemoryCollection
from tests.unit.qdrant.points import point

edge_convert = pytest.importorskip("splade_sdk.qdrant.edge_convert")
embedded = pytest.importorskip("splade_sdk.qdrant.embedded")


BERLIN = {"lon": 13.4, "lat": 52.5}
PAYLOADS: dict[str, dict[str, Any]] = {
    "a": {"n": 1, "s": "the quick fox", "l": [1, 2, 3], "at": "2024-05-01T00:00:00Z", "g": BERLIN},
    "b": {"n": 2.5, "s": "quick the", "l": [], "flag": True, "objs": [{"x": 1, "y": 2}]},
    "c": {"n": -1, "s": None, "l": [1, None], "flag": False, "objs": [{"x": 1, "y": 3}]},
    "d": {"g": {"lon": -70.0, "lat": 40.0}},
}


@pytest.fixture(scope="module")
def collections() -> Any:
    given = Fingerprint(kind="other", model="m", revision="r", vocabulary_sha256="v", dimensions=64)
    memory = MemoryCollection(given)
    with embedded.EmbeddedCollection.temporary(fingerprint=given) as edge:
        for each in (memory, edge):
            each.upsert([point(name, **payload) for name, payload in PAYLOADS.items()])
        yield memory, edge


def field(key: str, **condition: Any) -> models.FieldCondition:
    return models.FieldCondition(key=f"metadata.{key}", **condition)


def value(key: str, wanted: Any) -> models.FieldCondition:
    return field(key, match=models.MatchValue(value=wanted))


def geo(lon: float, lat: float) -> models.GeoPoint:
    return models.GeoPoint(lon=lon, lat=lat)


SQUARE = models.GeoLineString(
    points=[geo(10, 50), geo(10, 55), geo(15, 55), geo(15, 50), geo(10, 50)]
)

CONDITIONS = {
    "value int": (value("n", 1), "a"),
    "value bool": (value("flag", False), "c"),
    "any": (field("n", match=models.MatchAny(any=[1, -1])), "ac"),
    "except": (field("n", match=models.MatchExcept(**{"except": [1]})), "bc"),
    "text": (field("s", match=models.MatchText(text="quick the")), "ab"),
    "text any": (field("s", match=models.MatchTextAny(text_any="fox dog")), "a"),
    "phrase": (field("s", match=models.MatchPhrase(phrase="the quick")), "a"),
    "range": (field("n", range=models.Range(gt=-1, lte=2.5)), "ab"),
    "dates": (field("at", range=models.DatetimeRange(gte="2024-05-01T00:00:00Z")), "a"),
    "count": (field("l", values_count=models.ValuesCount(gte=2)), "ac"),
    "field is empty": (field("l", is_empty=True), "bd"),
    "field is null": (field("s", is_null=True), "c"),
    "is empty": (models.IsEmptyCondition(is_empty=models.PayloadField(key="metadata.n")), "d"),
    "is null": (models.IsNullCondition(is_null=models.PayloadField(key="metadata.l")), "c"),
    "id": (models.HasIdCondition(has_id=[point("b").id, point("zz").id]), "b"),
    "nested": (
        models.NestedCondition(
            nested=models.Nested(
                key="metadata.objs",
                filter=models.Filter(
                    must=[
                        models.FieldCondition(key="x", match=models.MatchValue(value=1)),
                        models.FieldCondition(key="y", match=models.MatchValue(value=3)),
                    ]
                ),
            )
        ),
        "c",
    ),
    "filter": (models.Filter(must_not=[value("n", 1)]), "bcd"),
    "should": (
        models.Filter(should=[value("flag", True), value("n", 1)]),
        "ab",
    ),
    "min should": (
        models.Filter(
            min_should=models.MinShould(
                conditions=[field("n", range=models.Range(gt=0)), value("flag", True)],
                min_count=2,
            )
        ),
        "b",
    ),
    "radius": (
        field("g", geo_radius=models.GeoRadius(center=geo(13.0, 52.0), radius=100_000)),
        "a",
    ),
    "box": (
        field(
            "g",
            geo_bounding_box=models.GeoBoundingBox(top_left=geo(10, 55), bottom_right=geo(15, 50)),
        ),
        "a",
    ),
    "polygon": (field("g", geo_polygon=models.GeoPolygon(exterior=SQUARE)), "a"),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_it_means_the_same(collections: tuple[Collection, Collection], name: str) -> None:
    condition, expected = CONDITIONS[name]
    given = models.Filter(must=condition)  # a single condition, as a list of one
    for collection in collections:
        found = {record.payload["doc_id"] for record in collection.scroll(filter=given)[0]}
        assert found == set(expected)


def test_a_vector_can_be_a_condition(collections: tuple[Collection, Collection]) -> None:
    given = models.Filter(must=[models.HasVectorCondition(has_vector="splade")])
    assert collections[1].count(given) == 4


def test_what_the_engine_has_not_is_told() -> None:
    given = models.Filter(must=[models.FieldCondition(key="x")])
    edge_convert.to_filter(given)
    given.must = [models.PayloadField(key="x")]  # type: ignore[list-item]
    with pytest.raises(InvalidFilterError, match=r"no PayloadField: expected one of FieldCond"):
        edge_convert.to_filter(given)
