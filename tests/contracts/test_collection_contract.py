"""What every engine must do alike; weights are multiples of 1/8, so scores add up exactly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from splade_sdk.config import CollectionSettings
from splade_sdk.errors import (
    CollectionMismatchError,
    CollectionNotFoundError,
    EngineClosedError,
    InvalidVectorError,
)
from splade_sdk.qdrant.base import Collection, Point, SearchRequest
from splade_sdk.qdrant.content_hash import ContentHasher
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.qdrant.payload import from_payload, to_payload
from splade_sdk.qdrant.tenant import TenantCollection
from splade_sdk.types import Document, SparseVector
from tests.contracts.conftest import DIMENSIONS, ENGINES, Engine, fingerprint


def vector(weights: dict[int, float]) -> SparseVector:
    return SparseVector.from_dict(weights, DIMENSIONS)


def point(name: str, weights: dict[int, float], **metadata: Any) -> Point:
    payload = to_payload(Document(name, f"text of {name}", metadata))
    return Point(point_id(name), vector(weights), payload)


def names(points: Any) -> list[str]:
    return [from_payload(each.payload).id for each in points]


def search(collection: Collection, weights: dict[int, float], **kw: Any) -> list[Any]:
    return collection.search(SearchRequest(vector(weights), **kw))


def by_id(*given: str) -> list[str]:
    return sorted(given)


class TestStoring:
    def test_what_goes_in_comes_out(self, collection: Collection) -> None:
        stored = point(
            "ä/β 漢字 🙂",
            {0: 0.1, 7: 1.7, 63: 3.25},
            year=2024,
            ratio=0.1,
            none=None,
            flag=True,
            tags=["ü", "ß"],
            nested={"deep": [{"x": 1}, {"x": 2.5}]},
            **{"key with. odd \"chars'": "v"},
        )
        collection.upsert([stored])
        [record] = collection.get([stored.id], with_vectors=True)
        assert (record.id, record.payload, record.vector) == (
            stored.id,
            stored.payload,
            stored.vector,
        )

    def test_the_payload_is_not_shared(self, collection: Collection) -> None:
        stored = point("a", {1: 1.0}, tags=["x"])
        collection.upsert([stored])
        stored.payload["metadata"]["tags"].append("changed later")
        assert from_payload(collection.get([stored.id])[0].payload).metadata == {"tags": ["x"]}

    def test_content_hashes_come_by_id_for_points_that_have_one(
        self, collection: Collection
    ) -> None:
        hasher = ContentHasher()
        hashed = [
            Point(point_id(name), vector({1: 1.0}), to_payload(Document(name, name), hasher))
            for name in "ab"
        ]
        collection.upsert([*hashed, point("bare", {1: 1.0})])
        asked = [point_id(name) for name in ("b", "bare", "gone", "a")]
        assert collection.content_hashes(asked) == {
            point_id(name): hasher(name, {}) for name in "ab"
        }
        assert collection.content_hashes([]) == {}
        [document] = map(from_payload, [collection.get([point_id("a")])[0].payload])
        assert document == Document("a", "a")

    def test_the_same_id_replaces_all_of_it(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 1.0}, old=True)])
        collection.upsert([point("a", {2: 1.0}, new=True)])
        assert collection.count() == 1
        assert search(collection, {1: 1.0}) == []
        [hit] = search(collection, {2: 1.0}, with_vectors=True)
        assert from_payload(hit.payload).metadata == {"new": True}
        assert hit.vector == vector({2: 1.0})

    def test_nothing_can_be_stored(self, collection: Collection) -> None:
        collection.upsert([])
        assert collection.count() == 0
        assert search(collection, {1: 1.0}) == []
        assert collection.scroll() == ([], None)

    def test_an_empty_vector_is_stored_and_never_matches(self, collection: Collection) -> None:
        collection.upsert([point("empty", {}, year=1), point("full", {1: 1.0}, year=1)])
        assert collection.count(to_filter({"year": 1})) == 2
        assert names(search(collection, {1: 1.0}, filter=to_filter({"year": 1}))) == ["full"]
        [record] = collection.get([point_id("empty")], with_vectors=True)
        assert record.vector == vector({})

    def test_another_space_is_refused_before_anything_is_stored(
        self, collection: Collection
    ) -> None:
        alien = Point(point_id("b"), SparseVector.from_dict({1: 1.0}, 8), {})
        with pytest.raises(InvalidVectorError, match=r"vector 1 has 8 dimensions.* 64"):
            collection.upsert([point("a", {1: 1.0}), alien])
        assert collection.count() == 0
        with pytest.raises(InvalidVectorError, match="8 dimensions"):
            collection.search(SearchRequest(alien.vector))

    def test_a_large_batch(self, collection: Collection) -> None:
        collection.upsert([point(f"d{n}", {n % DIMENSIONS: 1.0}) for n in range(1000)])
        assert collection.count() == 1000
        assert len(search(collection, {3: 1.0}, limit=1000)) == 16  # 3, 67, ..., 963


class TestSearching:
    def test_scores_are_inner_products(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 0.5, 2: 2.0}), point("b", {2: 1.0, 3: 4.0})])
        hits = search(collection, {1: 2.0, 2: 0.25, 9: 1.0})
        assert names(hits) == ["a", "b"]
        assert [hit.score for hit in hits] == [0.5 * 2.0 + 2.0 * 0.25, 1.0 * 0.25]

    def test_an_empty_query_finds_nothing(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 1.0})])
        assert search(collection, {}) == []

    def test_ties_are_in_the_order_of_ids_whatever_the_limit(self, collection: Collection) -> None:
        tied = [f"t{n}" for n in range(40)]
        collection.upsert([point(each, {1: 1.0}) for each in tied] + [point("top", {1: 2.0})])
        expected = ["top", *by_id(*tied)]
        for limit in (1, 2, 3, 7, 40, 41, 100):
            assert names(search(collection, {1: 1.0}, limit=limit)) == expected[:limit]
            bare = search(collection, {1: 1.0}, limit=limit, with_payload=False)
            assert [hit.id for hit in bare] == [point_id(each) for each in expected[:limit]]

    def test_offset_pages_through_the_same_order(self, collection: Collection) -> None:
        collection.upsert([point(f"t{n}", {1: 1.0 + n // 5}) for n in range(23)])
        whole = names(search(collection, {1: 1.0}, limit=23))
        pages = [
            names(search(collection, {1: 1.0}, limit=4, offset=offset))
            for offset in range(0, 28, 4)
        ]
        assert [each for page in pages for each in page] == whole
        assert pages[-1] == []

    @pytest.mark.parametrize(
        ("threshold", "expected"),
        [
            (0.1, ["c", "b", "a"]),
            (0.75, ["c", "b"]),
            (0.7500001, ["c"]),
            (1e39, []),
            (-5.0, ["c", "b", "a"]),
        ],
    )
    def test_the_threshold_is_inclusive(
        self, collection: Collection, threshold: float, expected: list[str]
    ) -> None:
        collection.upsert([point("a", {1: 0.1}), point("b", {1: 0.75}), point("c", {1: 1.0})])
        assert names(search(collection, {1: 1.0}, score_threshold=threshold)) == expected

    def test_payload_and_vectors_only_where_asked_for(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 0.3}, n=1, m=2)])
        [bare] = search(collection, {1: 1.0}, with_payload=False)
        assert (bare.payload, bare.vector) == ({}, None)
        [partial] = search(collection, {1: 1.0}, with_payload=("metadata.n",))
        assert partial.payload == {"doc_id": "a", "metadata": {"n": 1}}
        [full] = search(collection, {1: 1.0}, with_vectors=True)
        assert (names([full]), full.vector) == (["a"], vector({1: 0.3}))

    def test_a_batch_is_its_searches(self, collection: Collection) -> None:
        collection.upsert([point(f"d{n}", {n % 7: 1.0, n % 5: 0.5}, n=n) for n in range(30)])
        requests = [
            SearchRequest(vector({1: 1.0}), limit=3),
            SearchRequest(vector({})),
            SearchRequest(vector({2: 1.0, 3: 1.0}), limit=50, offset=2),
            SearchRequest(vector({4: 1.0}), filter=to_filter({"n": {"lt": 9}}), with_vectors=True),
        ]
        assert collection.search_batch(requests) == [collection.search(each) for each in requests]
        assert collection.search_batch([]) == []

    def test_equal_documents_score_equal_wherever_they_are_stored(
        self, collection: Collection
    ) -> None:
        chance = random.Random(5)
        twin = {term: chance.uniform(0.01, 3) for term in range(0, DIMENSIONS, 2)}
        query = {term: chance.uniform(0.01, 3) for term in range(0, DIMENSIONS, 3)}
        noise = [
            {term: chance.uniform(0.01, 0.1) for term in chance.sample(range(DIMENSIONS), 12)}
            for _ in range(300)
        ]
        collection.upsert([point(f"t{n}", twin) for n in range(5)])
        collection.upsert([point(f"n{n}", weights) for n, weights in enumerate(noise)])
        collection.optimize()
        collection.upsert([point(f"t{n}", twin) for n in range(5, 10)])
        hits = search(collection, query, limit=10)
        assert names(hits) == by_id(*(f"t{n}" for n in range(10)))
        assert len({hit.score for hit in hits}) == 1

    def test_idf(self, engine: Engine) -> None:
        collection = engine.open(encoder=fingerprint(kind="bm25", idf=True))
        collection.upsert(
            [point("a", {1: 1.0, 2: 0.5}), point("b", {1: 2.0}), point("c", {3: 1.0})]
        )
        hits = search(collection, {1: 1.0, 2: 1.0})
        # ln((3 - 2 + .5) / (2 + .5) + 1) = ln 1.6 = 0.470004; ln((3 - 1 + .5) / 1.5 + 1) = 0.980829
        assert names(hits) == ["a", "b"] or names(hits) == ["b", "a"]
        scores = {each: hit.score for each, hit in zip(names(hits), hits, strict=True)}
        assert scores == pytest.approx({"a": 0.470004 + 0.5 * 0.980829, "b": 0.940007}, rel=1e-5)


FILTERED = {
    "a": {"year": 1999, "tag": "x", "tags": ["p", "q"], "when": "2024-01-01T00:00:00Z"},
    "b": {"year": 2005, "tag": "y", "tags": ["q"], "author": {"name": "Ann"}, "ratio": 0.5},
    "c": {"year": 2010, "tag": "z", "title": "Sparse vectors, quickly", "none": None},
    "d": {
        "tag": "x",
        "year": 2005,
        "flag": True,
        "when": "2024-06-01T12:00:00+02:00",
        "two words": 1,
        "whole": 3.0,
        "big": 2**60 + 1,
    },
}


def nested(conditions: dict[str, Any], times: int) -> dict[str, Any]:
    for _ in range(times):
        conditions = {"$not": conditions}
    return conditions


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "indexed"])
def filtered(request: pytest.FixtureRequest, shared_engine: Engine) -> Iterator[Collection]:
    fields: Any = {"year": "integer", "tag": "keyword", "when": "datetime"}
    collection = shared_engine.open(
        name=f"filtered{request.param}",
        settings=CollectionSettings(indexed_fields=fields if request.param else {}),
    )
    collection.upsert([point(each, {1: 1.0}, **has) for each, has in FILTERED.items()])
    yield collection
    collection.close()


class TestFiltering:
    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ({}, "abcd"),
            ({"year": 2005}, "bd"),
            ({"year": 2005, "tag": "x"}, "d"),
            ({"flag": True}, "d"),
            ({"flag": False}, ""),
            ({"ratio": 0.5}, "b"),
            ({"year": {"gte": 2005, "lt": 2010}}, "bd"),
            ({"year": {"gt": 1999, "lte": 2010, "ne": 2005}}, "c"),
            ({"when": {"gte": "2024-02-01"}}, "d"),
            ({"when": {"lte": datetime(2024, 6, 1, 10, tzinfo=timezone.utc)}}, "ad"),
            ({"when": {"lt": datetime(2024, 6, 1, 10)}}, "a"),  # taken as UTC
            ({"tag": ["x", "z"]}, "acd"),
            ({"year": {"any": [1999, 2010]}}, "ac"),
            ({"year": [1999, 2010.0, "2005"]}, "ac"),
            ({"year": [1999, "2005", True, None]}, "a"),
            ({"whole": 3}, "d"),
            ({"whole": 3.0}, "d"),
            ({"whole": {"ne": 3}}, "abc"),
            ({"whole": {"gte": 3}}, "d"),
            ({"big": 2**60 + 1}, "d"),
            ({"big": 2**60}, ""),
            ({"big": [2**60 + 1, "x"]}, "d"),
            (nested({"year": 2010}, 31), "abd"),
            ({"tag": []}, ""),
            ({"tags": "q"}, "ab"),
            ({"tag": {"except": ["x"]}}, "bc"),
            ({"year": {"except": [2005]}}, "ac"),
            ({"tag": {"ne": "x"}}, "bc"),
            ({"author.name": {"ne": "Ann"}}, "acd"),
            ({"author.name": "Ann"}, "b"),
            ({"two words": 1}, "d"),
            ({"title": {"text": "quickly sparse"}}, "c"),
            ({"title": {"text": "spar"}}, ""),
            ({"ratio": {"exists": True}}, "b"),
            ({"ratio": {"exists": False}}, "acd"),
            ({"none": None}, "c"),
            ({"none": {"exists": True}}, ""),
            ({"$or": [{"year": 1999}, {"tag": "z"}]}, "ac"),
            ({"$not": {"tag": "x", "year": 2005}}, "abc"),
            ({"$and": [{"tag": "x"}, {"$or": [{"flag": True}, {"year": 1}]}]}, "d"),
            ({"tag": "x", "$not": {"$or": [{"flag": True}]}}, "a"),
        ],
    )
    def test_every_operator(
        self, filtered: Collection, conditions: dict[str, Any], expected: str
    ) -> None:
        given = to_filter(conditions)
        assert sorted(names(search(filtered, {1: 1.0}, filter=given))) == list(expected)
        assert filtered.count(given) == len(expected)
        assert sorted(names(filtered.scroll(filter=given)[0])) == list(expected)

    def test_the_best_within_the_filter(self, collection: Collection) -> None:
        collection.upsert([point(f"d{n:02}", {1: float(n + 1)}, odd=n % 2) for n in range(50)])
        hits = search(collection, {1: 1.0}, limit=3, filter=to_filter({"odd": 0}))
        assert names(hits) == ["d48", "d46", "d44"]

    def test_indexing_a_field_twice_changes_nothing(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 1.0}, year=2024)])
        for _ in range(2):
            collection.create_payload_index("metadata.year", "integer")
        assert collection.count(to_filter({"year": 2024})) == 1

    def test_the_id_can_be_a_condition(self, collection: Collection) -> None:
        from qdrant_client import models

        collection.upsert([point(each, {1: 1.0}) for each in "abc"])
        given = models.Filter(must_not=[models.HasIdCondition(has_id=[point_id("b")])])
        assert names(search(collection, {1: 1.0}, filter=given)) == by_id("a", "c")


class TestReading:
    def test_get_keeps_the_order_asked_for(self, collection: Collection) -> None:
        collection.upsert([point(each, {1: 1.0}) for each in "abc"])
        ids = [point_id(each) for each in ("c", "missing", "a")]
        assert names(collection.get(ids)) == ["c", "a"]
        assert collection.get([]) == []

    @pytest.mark.parametrize("limit", [1, 7, 25, 26])
    def test_scroll_shows_every_point_once_ordered_by_id(
        self, collection: Collection, limit: int
    ) -> None:
        stored = [point(f"d{n}", {1: 1.0}) for n in range(25)]
        collection.upsert(stored)
        seen, offset = [], None
        while True:
            page, offset = collection.scroll(limit=limit, offset=offset, with_vectors=True)
            assert len(page) <= limit
            seen.extend(page)
            if offset is None:
                break
        ids = [record.id for record in seen]
        if isinstance(collection, TenantCollection):  # ordered by the engine's ids
            ids.sort()
        assert ids == sorted(each.id for each in stored)
        assert all(record.vector == vector({1: 1.0}) for record in seen)

    def test_scroll_without_payload_shows_the_same_ids(self, collection: Collection) -> None:
        collection.upsert([point(f"d{n}", {1: 1.0}, n=n) for n in range(5)])
        page, offset = collection.scroll(limit=3, with_payload=False)
        assert [record.id for record in page] == [r.id for r in collection.scroll(limit=3)[0]]
        assert [record.payload for record in page] == [{}] * 3
        assert offset == collection.scroll(limit=3)[1]


class TestDeleting:
    def test_by_id(self, collection: Collection) -> None:
        collection.upsert([point(each, {1: 1.0}) for each in "abc"])
        collection.delete([point_id("b"), point_id("never stored")])
        collection.delete([])
        assert names(search(collection, {1: 1.0})) == by_id("a", "c")
        assert collection.count() == 2

    def test_by_filter(self, collection: Collection) -> None:
        collection.upsert([point(f"d{n}", {1: 1.0}, n=n) for n in range(10)])
        given = to_filter({"n": {"gte": 3}})
        assert given is not None
        collection.delete(given)
        assert sorted(names(search(collection, {1: 1.0}))) == ["d0", "d1", "d2"]

    def test_what_was_deleted_can_come_back(self, collection: Collection) -> None:
        collection.upsert([point("a", {1: 1.0})])
        collection.delete([point_id("a")])
        collection.optimize()
        collection.upsert([point("a", {2: 1.0})])
        assert (search(collection, {1: 1.0}), names(search(collection, {2: 1.0}))) == ([], ["a"])


class TestAgainstTheOracle:
    @pytest.mark.parametrize("seed", range(3))
    def test_a_random_life(self, engine: Engine, seed: int) -> None:
        chance = random.Random(seed)
        collection, oracle = engine.open(), MemoryCollection(fingerprint())

        def weights(most: int) -> dict[int, float]:
            terms = chance.sample(range(DIMENSIONS), chance.randint(0, most))
            return {term: chance.randint(1, 24) / 8 for term in terms}

        for _ in range(6):
            batch = [
                point(f"d{chance.randrange(150)}", weights(12), n=chance.randrange(5))
                for _ in range(40)
            ]
            batch = list({each.id: each for each in batch}.values())
            gone = [point_id(f"d{chance.randrange(150)}") for _ in range(10)]
            for each in (collection, oracle):
                each.upsert(batch)
                each.delete(gone)
            if chance.random() < 0.3:
                collection.optimize()
            requests = [
                SearchRequest(
                    vector(weights(6)),
                    limit=chance.choice([1, 5, 20]),
                    offset=chance.choice([0, 0, 3]),
                    filter=to_filter({"n": chance.randrange(5)}) if chance.random() < 0.5 else None,
                    score_threshold=chance.choice([None, None, 1.0, 2.5]),
                )
                for _ in range(15)
            ]
            got, expected = collection.search_batch(requests), oracle.search_batch(requests)
            assert [[(h.id, h.score) for h in hits] for hits in got] == [
                [(h.id, h.score) for h in hits] for hits in expected
            ]
            assert collection.count() == oracle.count()
        records, following = collection.scroll(limit=500)
        if isinstance(collection, TenantCollection):  # ordered by the engine's ids
            records.sort(key=lambda record: record.id)
        assert (records, following) == oracle.scroll(limit=500)

    def test_real_weights_agree_to_rounding(self, engine: Engine) -> None:
        chance = random.Random(11)
        collection, oracle = engine.open(), MemoryCollection(fingerprint())

        def weights(count: int) -> dict[int, float]:
            return {
                t: chance.expovariate(1) + 0.01 for t in chance.sample(range(DIMENSIONS), count)
            }

        stored = [point(f"d{n}", weights(20)) for n in range(300)]
        for each in (collection, oracle):
            each.upsert(stored)
        for _ in range(20):
            query = weights(10)
            got, expected = (search(each, query, limit=25) for each in (collection, oracle))
            assert [h.score for h in got] == pytest.approx([h.score for h in expected], rel=1e-5)
            assert names(got) == names(expected)


class TestClosing:
    @pytest.mark.parametrize(
        "use",
        [
            lambda c: c.upsert([point("a", {1: 1.0})]),
            lambda c: c.search(SearchRequest(vector({1: 1.0}))),
            lambda c: c.search_batch([]),
            lambda c: c.get([point_id("a")]),
            lambda c: c.content_hashes([point_id("a")]),
            lambda c: c.delete([point_id("a")]),
            lambda c: c.count(),
            lambda c: c.scroll(),
            lambda c: c.create_payload_index("metadata.x", "keyword"),
            lambda c: c.optimize(),
        ],
    )
    def test_use_after_close(self, collection: Collection, use: Any) -> None:
        collection.close()
        collection.close()
        with pytest.raises(EngineClosedError, match="closed"):
            use(collection)


class TestReopening:
    def test_everything_is_still_there(self, persistent: Engine) -> None:
        settings = CollectionSettings(indexed_fields={"n": "integer"})
        stored = [point(f"d{n}", {1: 1.0 + n}, n=n) for n in range(20)] + [point("empty", {})]
        first = persistent.open(settings=settings)
        first.upsert(stored)
        first.delete([point_id("d3")])
        expected = first.search(SearchRequest(vector({1: 1.0}), limit=50))
        records = first.scroll(with_vectors=True)
        first.close()

        again = persistent.open()
        assert again.count() == 20
        assert again.search(SearchRequest(vector({1: 1.0}), limit=50)) == expected
        assert again.scroll(with_vectors=True) == records
        assert names(search(again, {1: 1.0}, filter=to_filter({"n": 7}))) == ["d7"]
        again.upsert([point("new", {1: 99.0})])
        assert names(search(again, {1: 1.0}, limit=1)) == ["new"]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"revision": "r2"}, "revision 'r1' != 'r2'"),
            ({"dimensions": 8}, "dimensions 64 != 8"),
            ({"idf": True}, "idf False != True"),
            ({"vocabulary_sha256": "v2"}, "vocabulary_sha256 'v1' != 'v2'"),
        ],
    )
    def test_another_model_is_refused(
        self, persistent: Engine, change: dict[str, Any], told: str
    ) -> None:
        persistent.open().close()
        with pytest.raises(CollectionMismatchError, match=told) as raised:
            persistent.open(encoder=fingerprint(model="other-model", **change))
        assert "'contract-model'" in str(raised.value)
        assert "'other-model'" in str(raised.value)
        persistent.open(encoder=fingerprint(model="the same under another name"))

    def test_another_layout_is_refused(self, persistent: Engine) -> None:
        persistent.open().close()
        with pytest.raises(CollectionMismatchError, match="sparse_vector 'splade' != 'other'"):
            persistent.open(settings=CollectionSettings(sparse_vector="other"))
        persistent.open(settings=CollectionSettings())

    def test_more_indexed_fields_are_added(self, persistent: Engine) -> None:
        first = persistent.open()
        first.upsert([point("a", {1: 1.0}, year=2024), point("b", {1: 1.0}, year=1)])
        first.close()
        again = persistent.open(settings=CollectionSettings(indexed_fields={"year": "integer"}))
        assert names(search(again, {1: 1.0}, filter=to_filter({"year": 2024}))) == ["a"]

    def test_a_missing_collection_is_not_made(self, persistent: Engine) -> None:
        with pytest.raises(CollectionNotFoundError, match="docs"):
            persistent.open(create=False)
        persistent.open().close()
        persistent.open(create=False)

    def test_collections_are_apart(self, persistent: Engine) -> None:
        one = persistent.open("one")
        one.upsert([point("a", {1: 1.0})])
        one.close()
        two = persistent.open("two")
        assert two.count() == 0

    @pytest.mark.parametrize("datatype", ["float16", "uint8"])
    def test_smaller_weights_find_the_same(self, persistent: Engine, datatype: Any) -> None:
        settings = CollectionSettings(datatype=datatype, on_disk=True)
        collection = persistent.open(settings=settings)
        collection.upsert([point(f"d{n}", {1: 1.0 + n, 2: 1.0}) for n in range(10)])
        collection.optimize()
        assert names(search(collection, {1: 1.0}, limit=3)) == ["d9", "d8", "d7"]


@pytest.mark.server
def test_a_server_was_among_the_engines(qdrant_server_url: str) -> None:
    assert qdrant_server_url.startswith("http")
    assert "server" in {engine.id for engine in ENGINES}
