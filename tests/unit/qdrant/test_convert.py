from __future__ import annotations

import json

import pytest
from qdrant_client import models

from splade_sdk.errors import CollectionMismatchError
from splade_sdk.qdrant import convert
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.types import SparseVector
from tests.unit.qdrant.points import point, query


def test_runs_stay_below_the_size_and_keep_the_order() -> None:
    points = [point(f"d{n}", text="x" * 1000) for n in range(10)]
    own = len(json.dumps(points[0].payload)) + 28 + 100
    runs = list(convert.uploads(points, max_bytes=3 * own))
    assert [len(run) for run in runs] == [3, 3, 3, 1]
    assert [each for run in runs for each in run] == points


def test_a_point_that_is_too_large_goes_alone() -> None:
    points = [point("a"), point("big", text="ü" * 5000), point("b")]
    assert [len(run) for run in convert.uploads(points, max_bytes=8000)] == [1, 1, 1]
    assert list(convert.uploads([])) == []


def test_the_estimate_is_not_below_the_real_size() -> None:
    # The longest float32 in JSON, and characters of three bytes.
    points = [
        point(f"d{n}", dict.fromkeys(range(64), 1.1754943508222875e-38), text="漢" * 500)
        for n in range(20)
    ]
    [run, *rest] = convert.uploads(points, max_bytes=30_000)
    sent = models.PointsList(points=convert.to_structs(run, "splade")).model_dump_json()
    assert rest
    assert len(sent.encode()) <= 30_000


def test_a_search_is_one_query() -> None:
    conditions = to_filter({"year": 2024})
    made = convert.to_query(
        query({1: 0.5, 9: 2.0}, filter=conditions, with_vectors=True), 11, "splade"
    )
    assert made == models.QueryRequest(
        query=models.NearestQuery(nearest=models.SparseVector(indices=[1, 9], values=[0.5, 2.0])),
        using="splade",
        limit=11,
        filter=conditions,
        with_payload=True,
        with_vector=["splade"],
    )


def test_vectors_come_back_sorted() -> None:
    stored = models.SparseVector(indices=[9, 1], values=[2.0, 0.5])
    record = convert.from_record(models.Record(id="x", vector={"splade": stored}), "splade", 64)
    assert record.vector == SparseVector.from_dict({1: 0.5, 9: 2.0}, 64)
    assert record.payload == {}


@pytest.mark.parametrize(
    "vector", [{}, {"other": models.SparseVector(indices=[], values=[])}, [1.0]]
)
def test_a_foreign_point_is_told(vector: object) -> None:
    record = models.Record.model_construct(id="x", payload={}, vector=vector)
    with pytest.raises(CollectionMismatchError, match="no sparse vector 'splade'"):
        convert.from_record(record, "splade", 64)
