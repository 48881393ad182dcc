"""What every engine must do alike with dense and pruned vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from splade_sdk.config import CollectionSettings, DenseSettings, PrunedSettings
from splade_sdk.errors import CollectionMismatchError, InvalidVectorError
from splade_sdk.qdrant.base import Collection, Point, SearchRequest
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.qdrant.payload import from_payload, to_payload
from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.types import Document, SparseVector
from splade_sdk.types.arrays import FloatArray
from tests.contracts.conftest import DENSE, DIMENSIONS, Engine, fingerprint


def dense(*coordinates: float) -> FloatArray:
    return np.array(coordinates, dtype=np.float32)


def sparse(weights: dict[int, float]) -> SparseVector:
    return SparseVector.from_dict(weights, DIMENSIONS)


def point(
    name: str, row: FloatArray | None, weights: dict[int, float] | None = None, **metadata: Any
) -> Point:
    payload = to_payload(Document(name, f"text of {name}", metadata))
    return Point(point_id(name), sparse(weights or {1: 1.0}), payload, row)


def names(points: Any) -> list[str]:
    return [from_payload(each.payload).id for each in points]


@pytest.fixture
def collection(engine: Engine) -> Collection:
    return engine.open(dense=DENSE)


def fill(collection: Collection) -> None:
    collection.upsert(
        [
            point("a", dense(1, 0, 0, 0), n=1),
            point("b", dense(3, 4, 0, 0), n=2),
            point("c", dense(-1, 0, 0, 0), n=3),
            point("none", None, n=4),
            point("zero", dense(0, 0, 0, 0), n=5),
        ]
    )


class TestDense:
    def test_what_goes_in_comes_out_with_length_1(self, collection: Collection) -> None:
        stored = point("b", dense(3, 4, 0, 0), {1: 0.5, 9: 2.0}, year=2024)
        collection.upsert([stored, point("none", None)])
        record, without = collection.get([stored.id, point_id("none")], with_vectors=True)
        assert (record.payload, record.vector) == (stored.payload, stored.vector)
        assert record.dense is not None
        assert record.dense.tolist() == pytest.approx([0.6, 0.8, 0, 0])
        assert without.dense is None
        [page, _] = collection.scroll(with_vectors=True)
        assert {each.id: each.dense is None for each in page} == {
            stored.id: False,
            point_id("none"): True,
        }
        [bare] = collection.get([stored.id])
        assert (bare.vector, bare.dense) == (None, None)

    def test_scores_are_cosines_and_may_be_negative(self, collection: Collection) -> None:
        fill(collection)
        hits = collection.search(SearchRequest(dense(2, 0, 0, 0)))
        assert names(hits) == ["a", "b", "zero", "c"]
        assert [hit.score for hit in hits] == pytest.approx([1, 0.6, 0, -1], abs=1e-6)

    def test_the_inner_product_on_request(self, engine: Engine) -> None:
        settings = CollectionSettings(dense=DenseSettings(distance="dot"))
        collection = engine.open(dense=DENSE, settings=settings)
        fill(collection)
        hits = collection.search(SearchRequest(dense(2, 0, 0, 0), with_vectors=True))
        assert names(hits) == ["b", "a", "zero", "c"]
        assert [hit.score for hit in hits] == [6, 2, 0, -2]
        assert hits[0].dense is not None
        assert hits[0].dense.tolist() == [3, 4, 0, 0]

    @pytest.mark.parametrize(
        ("threshold", "expected"), [(1.0, "a"), (0.0, "a,b,zero"), (-1.0, "a,b,zero,c"), (1.1, "")]
    )
    def test_the_threshold_is_inclusive(
        self, collection: Collection, threshold: float, expected: str
    ) -> None:
        fill(collection)
        request = SearchRequest(dense(1, 0, 0, 0), score_threshold=threshold)
        assert ",".join(names(collection.search(request))) == expected

    def test_filter_offset_and_payload(self, collection: Collection) -> None:
        fill(collection)
        request = SearchRequest(
            dense(1, 0, 0, 0),
            filter=to_filter({"n": {"gte": 2}}),
            offset=1,
            limit=2,
            with_payload=("metadata.n",),
        )
        assert [hit.payload for hit in collection.search(request)] == [
            {"doc_id": "zero", "metadata": {"n": 5}},
            {"doc_id": "c", "metadata": {"n": 3}},
        ]

    def test_ties_are_in_the_order_of_document_ids(self, collection: Collection) -> None:
        tied = [f"t{n:02}" for n in range(40)]
        collection.upsert([point(each, dense(0, 1, 0, 0)) for each in reversed(tied)])
        for limit in (1, 7, 39, 40, 50):
            found = collection.search(SearchRequest(dense(0, 2, 1, 0), limit=limit))
            assert names(found) == tied[:limit]

    def test_a_batch_mixes_both_kinds(self, collection: Collection) -> None:
        fill(collection)
        requests = [
            SearchRequest(sparse({1: 2.0}), limit=2),
            SearchRequest(dense(0, 1, 0, 0), limit=1),
            SearchRequest(sparse({})),
        ]
        assert collection.search_batch(requests) == [collection.search(each) for each in requests]
        assert [len(hits) for hits in collection.search_batch(requests)] == [2, 1, 0]

    def test_the_same_id_replaces_all_of_it(self, collection: Collection) -> None:
        collection.upsert([point("a", dense(1, 0, 0, 0))])
        collection.upsert([point("a", None)])
        assert collection.count() == 1
        assert collection.search(SearchRequest(dense(1, 0, 0, 0))) == []

    def test_another_size_is_refused_before_anything_is_stored(
        self, collection: Collection
    ) -> None:
        with pytest.raises(InvalidVectorError, match=r"vector 1 has 3 dim.* 4: .*'contract-dense'"):
            collection.upsert([point("a", dense(1, 0, 0, 0)), point("b", dense(1, 0, 0))])
        assert collection.count() == 0
        with pytest.raises(InvalidVectorError, match="vector 0 has 3 dimensions"):
            collection.search(SearchRequest(dense(1, 0, 0)))

    def test_a_collection_without_dense_vectors_refuses_them(self, engine: Engine) -> None:
        collection = engine.open()
        with pytest.raises(CollectionMismatchError, match="has no dense vectors, but vector 0"):
            collection.upsert([point("a", dense(1, 0, 0, 0))])
        with pytest.raises(CollectionMismatchError, match="has no dense vectors"):
            collection.search(SearchRequest(dense(1, 0, 0, 0)))

    def test_random_vectors_agree_with_the_oracle(self, collection: Collection) -> None:
        rng = np.random.default_rng(3)
        oracle = MemoryCollection(fingerprint(), None, DENSE)
        points = [
            point(f"d{n}", rng.normal(size=4).astype(np.float32), {n % 7: 1.0}, n=n % 5)
            for n in range(300)
        ]
        for each in (collection, oracle):
            each.upsert(points)
            each.delete([point_id(f"d{n}") for n in range(0, 300, 11)])
        collection.optimize()
        for _ in range(20):
            request = SearchRequest(
                rng.normal(size=4).astype(np.float32),
                limit=25,
                filter=to_filter({"n": int(rng.integers(5))}) if rng.random() < 0.5 else None,
            )
            got, expected = collection.search(request), oracle.search(request)
            assert [hit.score for hit in got] == pytest.approx(
                [hit.score for hit in expected], abs=1e-6
            )
            assert names(got) == names(expected)


class TestReopening:
    def test_everything_is_still_there(self, persistent: Engine) -> None:
        settings = CollectionSettings(pruned=PrunedSettings(terms=2))
        first = persistent.open(dense=DENSE, settings=settings)
        fill(first)
        request = SearchRequest(dense(1, 0, 0, 0), with_vectors=True)
        expected = first.search(request)
        first.close()
        again = persistent.open(dense=DENSE)
        assert again.contract.dense == DENSE
        assert again.contract.settings.pruned == PrunedSettings(terms=2)
        found = again.search(request)
        assert [hit.payload for hit in found] == [hit.payload for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected])
        assert [hit.vector for hit in found] == [hit.vector for hit in expected]

    def test_another_dense_model_is_refused_with_both_named(self, persistent: Engine) -> None:
        persistent.open(dense=DENSE).close()
        other = DENSE.model_copy(update={"model": "other-dense", "probe": (1.0, 0.0, 0.0, 0.0)})
        with pytest.raises(
            CollectionMismatchError, match=r"'contract-dense'.*'other-dense' .*cosine 0\.50"
        ):
            persistent.open(dense=other)
        larger = other.model_copy(update={"dimensions": 8})
        with pytest.raises(CollectionMismatchError, match="dimensions 4 != 8"):
            persistent.open(dense=larger)
        persistent.open(dense=None).close()

    def test_a_collection_without_dense_vectors_stays_so(self, persistent: Engine) -> None:
        persistent.open().close()
        assert persistent.open(dense=DENSE).contract.dense is None


class TestTwoStep:
    def test_the_first_step_chooses_the_second_ranks(self, engine: Engine) -> None:
        settings = CollectionSettings(pruned=PrunedSettings(terms=1))
        collection = engine.open(settings=settings)
        collection.upsert(
            [
                point("a", None, {1: 3.0, 2: 1.0}),  # pruned: 1
                point("b", None, {1: 2.5, 2: 1.5}),  # pruned: 1
                point("c", None, {2: 4.0, 1: 3.5}),  # pruned: 2
            ]
        )
        query = sparse({1: 2.0, 2: 1.0})
        plain = collection.search(SearchRequest(query))
        assert [hit.score for hit in plain] == [2 * 3.5 + 4.0, 2 * 3 + 1, 2 * 2.5 + 1.5]
        one = SearchRequest(query, two_step=TwoStep(query_terms=1))  # only term 1: c is not seen
        assert names(collection.search(one)) == ["a", "b"]
        assert [hit.score for hit in collection.search(one)] == [7.0, 6.5]
        both = SearchRequest(query, two_step=TwoStep(query_terms=2))
        assert collection.search(both) == plain
        few = SearchRequest(query, limit=1, two_step=TwoStep(query_terms=2, candidates=1))
        assert names(collection.search(few)) == ["a"]  # 2 * 3 is ahead of 1 * 4

    def test_filters_hold_in_both_steps(self, engine: Engine) -> None:
        collection = engine.open(settings=CollectionSettings(pruned=PrunedSettings(terms=1)))
        collection.upsert([point(f"d{n:02}", None, {1: 1.0 + n}, odd=n % 2) for n in range(50)])
        request = SearchRequest(
            sparse({1: 1.0}),
            limit=3,
            filter=to_filter({"odd": 0}),
            two_step=TwoStep(candidates=3),
        )
        assert names(collection.search(request)) == ["d48", "d46", "d44"]

    def test_vectors_read_back_are_the_whole_ones(self, engine: Engine) -> None:
        settings = CollectionSettings(pruned=PrunedSettings(terms=1))
        collection = engine.open(settings=settings, dense=DENSE)
        collection.upsert([point("a", dense(1, 0, 0, 0), {1: 3.0, 2: 1.0})])
        [record] = collection.get([point_id("a")], with_vectors=True)
        assert record.vector == sparse({1: 3.0, 2: 1.0})

    def test_without_pruned_vectors_it_is_refused(self, engine: Engine) -> None:
        with pytest.raises(CollectionMismatchError, match="no pruned vectors"):
            engine.open().search(SearchRequest(sparse({1: 1.0}), two_step=TwoStep()))

    def test_it_agrees_with_the_oracle_where_the_first_step_has_no_ties(
        self, engine: Engine
    ) -> None:
        settings = CollectionSettings(pruned=PrunedSettings(terms=4))
        collection = engine.open(settings=settings)
        oracle = MemoryCollection(fingerprint(), settings)
        rng = np.random.default_rng(5)

        def weights(count: int) -> dict[int, float]:
            terms = rng.choice(DIMENSIONS, size=count, replace=False).tolist()
            return dict(zip(terms, (rng.exponential(size=count) + 0.01).tolist(), strict=True))

        points = [point(f"d{n}", None, weights(20)) for n in range(300)]
        for each in (collection, oracle):
            each.upsert(points)
        for _ in range(15):
            request = SearchRequest(
                sparse(weights(10)), limit=5, two_step=TwoStep(query_terms=3, candidates=20)
            )
            got, expected = collection.search(request), oracle.search(request)
            assert names(got) == names(expected)
            assert [h.score for h in got] == pytest.approx([h.score for h in expected], rel=1e-5)


def test_the_layout_that_a_server_is_asked_for(engine: Engine) -> None:
    """Every engine takes each storage setting."""
    settings = CollectionSettings(
        dense=DenseSettings(name="d", datatype="float16", on_disk=True),
        pruned=PrunedSettings(name="p", terms=3),
        on_disk=True,
        datatype="float16",
    )
    collection = engine.open(settings=settings, dense=DENSE)
    collection.upsert([point("a", dense(0, 0, 1, 0))])
    assert names(collection.search(SearchRequest(dense(0, 0, 1, 0)))) == ["a"]
    condition = models.Filter(must=[models.HasVectorCondition(has_vector="d")])
    assert collection.count(condition) in (0, 1)  # the oracle has no such condition
