from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from qdrant_client import models

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint, PrunedSettings
from splade_sdk.errors import CollectionMismatchError
from splade_sdk.qdrant import convert
from splade_sdk.qdrant.base import Point, Record, SearchRequest
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.types import SparseVector
from splade_sdk.types.arrays import FloatArray
from tests.unit.qdrant.points import point, query

FINGERPRINT = Fingerprint(
    kind="other", model="m", revision="r", vocabulary_sha256="v", dimensions=64
)
CONTRACT = CollectionContract.make(FINGERPRINT, None, None)
BOTH = CollectionContract.make(
    FINGERPRINT,
    CollectionSettings(pruned=PrunedSettings(terms=2)),
    DenseFingerprint(model="d", dimensions=3, probe=(1.0, 0.0, 0.0)),
)
DENSE: FloatArray = np.array([1.1754943508222875e-38, -0.1, 3.0], dtype=np.float32)


def test_runs_stay_below_the_size_and_keep_the_order() -> None:
    points = [point(f"d{n}", text="x" * 1000) for n in range(10)]
    own = len(json.dumps(points[0].payload)) + 28 + 100
    runs = list(convert.uploads(points, CONTRACT, max_bytes=3 * own))
    assert [len(run) for run in runs] == [3, 3, 3, 1]
    assert [each for run in runs for each in run] == points


def test_a_point_that_is_too_large_goes_alone() -> None:
    points = [point("a"), point("big", text="ü" * 5000), point("b")]
    assert [len(run) for run in convert.uploads(points, CONTRACT, max_bytes=8000)] == [1, 1, 1]
    assert list(convert.uploads([], CONTRACT)) == []


def test_the_estimate_is_not_below_the_real_size() -> None:
    # The longest float32 in JSON, and characters of three bytes.
    points = [
        point(f"d{n}", dict.fromkeys(range(64), 1.1754943508222875e-38), text="漢" * 500)
        for n in range(20)
    ]
    [run, *rest] = convert.uploads(points, CONTRACT, max_bytes=30_000)
    sent = models.PointsList(points=convert.to_structs(run, CONTRACT)).model_dump_json()
    assert rest
    assert len(sent.encode()) <= 30_000


def test_all_vectors_of_a_point_count() -> None:
    stored = point("a", dict.fromkeys(range(64), 1.1754943508222875e-38))
    points = [Point(f"{n}", stored.vector, {}, np.repeat(DENSE, 1)) for n in range(20)]
    [run, *rest] = convert.uploads(points, BOTH, max_bytes=10_000)
    sent = models.PointsList(points=convert.to_structs(run, BOTH)).model_dump_json()
    assert rest
    assert len(sent.encode()) <= 10_000


def test_a_point_has_its_vectors_by_name() -> None:
    stored = Point("x", SparseVector.from_dict({1: 0.5, 2: 1.0, 9: 2.0}, 64), {}, DENSE)
    [made] = convert.to_structs([stored], BOTH)
    assert made.vector == {
        "splade": models.SparseVector(indices=[1, 2, 9], values=[0.5, 1.0, 2.0]),
        "splade_pruned": models.SparseVector(indices=[2, 9], values=[1.0, 2.0]),
        "dense": DENSE.tolist(),
    }
    assert convert.from_records([models.Record(id="x", vector=made.vector)], BOTH)["x"] == Record(
        "x", {}, stored.vector, DENSE
    )


def test_a_dense_search_asks_the_dense_vector() -> None:
    [made] = convert.to_queries(
        [(SearchRequest(DENSE, score_threshold=-0.5, with_payload=()), 3)], BOTH
    )
    assert made == models.QueryRequest(
        query=models.NearestQuery(nearest=DENSE.tolist()),
        using="dense",
        limit=3,
        score_threshold=float(np.nextafter(np.float32(-0.5), np.float32(-1))),
        with_payload=["doc_id"],
        with_vector=False,
    )


def test_two_steps_are_one_request() -> None:
    conditions = to_filter({"year": 2024})
    asked = query({1: 0.5, 2: 1.0, 9: 2.0}, filter=conditions, limit=3)
    both = replace(asked, two_step=TwoStep(query_terms=1, candidates=7))
    [made] = convert.to_queries([(both, 3)], BOTH)
    assert made.using == "splade"
    assert made.prefetch == models.Prefetch(
        query=models.NearestQuery(nearest=models.SparseVector(indices=[9], values=[2.0])),
        using="splade_pruned",
        limit=7,
        filter=conditions,
    )
    page = replace(asked, two_step=TwoStep(candidates=7), offset=20, limit=10)
    [more] = convert.to_queries([(page, 31)], BOTH)
    assert isinstance(more.prefetch, models.Prefetch)
    assert more.prefetch.limit == 30


def test_a_search_is_one_query() -> None:
    conditions = to_filter({"year": 2024})
    asked = query({1: 0.5, 9: 2.0}, filter=conditions, with_vectors=True)
    [made] = convert.to_queries([(asked, 11)], CONTRACT)
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
    record = convert.from_records([models.Record(id="x", vector={"splade": stored})], CONTRACT)["x"]
    assert record.vector == SparseVector.from_dict({1: 0.5, 9: 2.0}, 64)
    assert record.payload == {}


@pytest.mark.parametrize(
    "vector", [{}, {"other": models.SparseVector(indices=[], values=[])}, [1.0]]
)
def test_a_foreign_point_is_told(vector: object) -> None:
    record = models.Record.model_construct(id="x", payload={}, vector=vector)
    with pytest.raises(CollectionMismatchError, match="no sparse vector 'splade'"):
        convert.from_records([record], CONTRACT)
