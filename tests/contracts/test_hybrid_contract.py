"""Hybrid search over every engine: against the engine's own fusion, and against the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splade_sdk.config import CollectionSettings
from splade_sdk.qdrant.base import Collection, Point
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.qdrant.tenant import TenantCollection
from splade_sdk.retrieval.search.fusion import DBSF, RRF, Fusion, Weighted
from splade_sdk.retrieval.search.options import SearchOptions
from splade_sdk.types import Document, Hit, Leg, SparseVector
from tests.contracts.conftest import DENSE, DIMENSIONS, Engine, fingerprint
from tests.contracts.searches import Vectors, search

_RNG = np.random.default_rng(7)


def sparse(count: int) -> SparseVector:
    terms = np.sort(_RNG.choice(DIMENSIONS, size=count, replace=False))
    return SparseVector(terms, _RNG.exponential(size=count) + 0.01, DIMENSIONS)


def points(count: int) -> list[Point]:
    return [
        Point(
            point_id(f"d{n}"),
            sparse(8),
            to_payload(Document(f"d{n}", f"text {n}", {"n": n % 5})),
            None if n % 10 == 0 else _RNG.normal(size=4).astype(np.float32),
        )
        for n in range(count)
    ]


POINTS = points(300)
QUERIES = [
    Vectors({"sparse": sparse(6), "dense": _RNG.normal(size=4).astype(np.float32)}, True)
    for _ in range(8)
]
FUSIONS = [
    RRF(),
    RRF(k=2),
    RRF(sparse_weight=3.0),
    RRF(k=10, sparse_weight=0.5, dense_weight=2.5),
    DBSF(),
]


@pytest.fixture(scope="module")
def collection(shared_engine: Engine) -> Collection:
    made = shared_engine.open("hybrid", settings=CollectionSettings(), dense=DENSE)
    made.upsert(POINTS)
    return made


@pytest.fixture(scope="module")
def oracle() -> MemoryCollection:
    made = MemoryCollection(fingerprint(), None, DENSE)
    made.upsert(POINTS)
    return made


def native(collection: Any, query: Vectors, fusion: Fusion, limit: int) -> dict[str, float]:
    """Return what the engine's own fusion says, by point id; one request with two prefetches."""
    vectors = query.legs["sparse"], query.legs["dense"]
    if hasattr(collection, "_shard"):
        return _native_edge(collection, vectors, fusion, limit)
    return _native_client(collection, vectors, fusion, limit)


def _native_edge(collection: Any, vectors: Any, fusion: Fusion, limit: int) -> dict[str, float]:
    import qdrant_edge as edge

    made: Any = edge.Fusion.Dbsf()
    if isinstance(fusion, RRF):
        weights = [fusion.sparse_weight, fusion.dense_weight]
        made = edge.Fusion.Rrf(k=fusion.k + 1, weights=weights)
    sparse_query = edge.SparseVector(vectors[0].indices.tolist(), vectors[0].values.tolist())
    prefetches = [
        edge.Prefetch(limit=100, query=edge.Query.Nearest(vector, using=name))
        for vector, name in ((sparse_query, "splade"), (vectors[1], "dense"))
    ]
    request = edge.QueryRequest(limit=limit, query=made, prefetches=prefetches)
    return {str(point.id): point.score for point in collection._shard.query(request)}


def _native_client(collection: Any, vectors: Any, fusion: Fusion, limit: int) -> dict[str, float]:
    from qdrant_client import models

    made: Any = models.FusionQuery(fusion=models.Fusion.DBSF)
    if isinstance(fusion, RRF):
        weights = [fusion.sparse_weight, fusion.dense_weight]
        made = models.RrfQuery(rrf=models.Rrf(k=fusion.k + 1, weights=weights))
    prefetch = [
        models.Prefetch(query=models.NearestQuery(nearest=vector), using=name, limit=100)
        for vector, name in ((vectors[0].to_qdrant(), "splade"), (vectors[1].tolist(), "dense"))
    ]
    [found] = collection._client.query_batch_points(
        collection._collection,
        requests=[models.QueryRequest(query=made, prefetch=prefetch, limit=limit)],
    )
    return {str(point.id): point.score for point in found.points}


@pytest.mark.parametrize("fusion", FUSIONS, ids=repr)
def test_the_engine_s_own_fusion_gives_the_same(collection: Collection, fusion: Fusion) -> None:
    if isinstance(collection, MemoryCollection):
        pytest.skip("the oracle has no fusion of its own")
    if isinstance(collection, TenantCollection):
        pytest.skip("its engine's fusion is that of the embedded engine, over all tenants")
    for query in QUERIES:
        theirs = native(collection, query, fusion, limit=25)
        [ours] = search(collection, [query], SearchOptions(limit=25, fusion=fusion))
        assert [hit.score for hit in ours] == pytest.approx(list(theirs.values()), abs=1e-6)
        # The same documents, up to those that tie with the last one.
        last = ours[-1].score + 1e-6
        assert {point_id(hit.id) for hit in ours if hit.score > last} == {
            each for each, score in theirs.items() if score > last
        }


@pytest.mark.parametrize("fusion", [*FUSIONS, Weighted(), Weighted(alpha=0.1)], ids=repr)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"limit": 3, "offset": 4},
        {"limit": 50},
        {"filter": to_filter({"n": [1, 2]}), "limit": 30},
        {"leg_thresholds": {"dense": 0.2, "sparse": 0.5}, "limit": 100},
        {"prefetch_limit": 5, "limit": 20},
        {"with_payload": False},
        {"with_payload": ("text",), "with_vectors": True},
    ],
    ids=repr,
)
def test_every_engine_finds_what_the_oracle_finds(
    collection: Collection, oracle: MemoryCollection, fusion: Fusion, changes: dict[str, Any]
) -> None:
    options = SearchOptions(fusion=fusion, **changes)
    got, expected = search(collection, QUERIES, options), search(oracle, QUERIES, options)
    assert [[hit.id for hit in hits] for hits in got] == [
        [hit.id for hit in hits] for hits in expected
    ]
    for one, other in zip(
        [hit for hits in got for hit in hits],
        [hit for hits in expected for hit in hits],
        strict=True,
    ):
        # Where five scores lie close together, normalising them magnifies what rounding does.
        assert one.score == pytest.approx(other.score, abs=1e-5)
        assert (one.text, one.metadata, one.vector) == (other.text, other.metadata, other.vector)
        assert {leg: told.rank for leg, told in one.legs.items()} == {
            leg: told.rank for leg, told in other.legs.items()
        }


def test_as_many_hits_as_are_asked_for(collection: Collection) -> None:
    for limit in (10, 50, 150):
        [hits] = search(collection, QUERIES[:1], SearchOptions(limit=limit))
        assert len(hits) == limit


def test_the_legs_are_their_own_searches(collection: Collection) -> None:
    query = QUERIES[0]
    [fused] = search(collection, [query], SearchOptions(limit=100))
    alone = {
        leg: search(collection, [Vectors({leg: vector}, False)], SearchOptions(limit=400))[0]
        for leg, vector in query.legs.items()
    }
    for leg, hits in alone.items():
        assert [hit.legs for hit in hits] == [
            {leg: Leg(rank, hit.score)} for rank, hit in enumerate(hits, start=1)
        ]
        by_id = {hit.id: hit.legs[leg] for hit in hits}
        told = {hit.id: hit.legs[leg] for hit in fused if leg in hit.legs}
        assert told
        for each, its in told.items():
            assert its.rank == by_id[each].rank
            assert its.score == pytest.approx(by_id[each].score, abs=1e-6)
    by_hand = [sum(1 / (60 + leg.rank) for leg in hit.legs.values()) for hit in fused]
    assert [hit.score for hit in fused] == pytest.approx(by_hand)


def test_alpha_0_is_the_sparse_leg_alone_and_alpha_1_the_dense_one(collection: Collection) -> None:
    for alpha, leg in ((0.0, "sparse"), (1.0, "dense")):
        options = SearchOptions(limit=60, fusion=Weighted(alpha=alpha))
        [fused] = search(collection, QUERIES[:1], options)
        alone = Vectors({leg: QUERIES[0].legs[leg]}, False)
        [expected] = search(collection, [alone], options)
        assert [hit.id for hit in fused] == [hit.id for hit in expected]


@pytest.mark.parametrize("fusion", [RRF(), DBSF(), Weighted()], ids=repr)
def test_pages_are_cut_from_one_ranking(collection: Collection, fusion: Fusion) -> None:
    [whole] = search(
        collection, QUERIES[:1], SearchOptions(limit=100, prefetch_limit=100, fusion=fusion)
    )
    pages = [
        search(collection, QUERIES[:1], SearchOptions(limit=10, offset=offset, fusion=fusion))[0]
        for offset in range(0, 100, 10)
    ]
    assert [hit.id for page in pages for hit in page] == [hit.id for hit in whole]


def test_ties_of_fused_scores_are_in_the_order_of_ids(engine: Engine) -> None:
    collection = engine.open(dense=DENSE)
    one, none = SparseVector.from_dict({1: 1.0}, DIMENSIONS), SparseVector.empty(DIMENSIONS)
    row = np.array([1, 0, 0, 0], dtype=np.float32)
    stored = [(f"s{n}", one, None) for n in range(6)] + [(f"d{n}", none, row) for n in range(6)]
    collection.upsert(
        [
            Point(point_id(name), vector, to_payload(Document(name, "")), dense)
            for name, vector, dense in stored
        ]
    )
    query = Vectors({"sparse": one, "dense": row}, True)
    # Rank n of the one leg ties with rank n of the other.
    expected = [f"{leg}{n}" for n in range(6) for leg in "ds"]
    for limit in (1, 3, 12, 20):
        [hits] = search(collection, [query], SearchOptions(limit=limit))
        assert [hit.id for hit in hits] == expected[:limit]
    [page] = search(collection, [query], SearchOptions(limit=2, offset=3))
    assert [hit.id for hit in page] == expected[3:5]


def test_a_fused_threshold_is_another_than_the_legs(collection: Collection) -> None:
    [hits] = search(collection, QUERIES[:1], SearchOptions(limit=100))
    middle = hits[20].score
    [above] = search(collection, QUERIES[:1], SearchOptions(limit=100, score_threshold=middle))
    assert [hit.id for hit in above] == [hit.id for hit in hits if hit.score >= middle]
    options = SearchOptions(limit=100, leg_thresholds={"dense": 2.0})  # no cosine is that high
    [sparse_only] = search(collection, QUERIES[:1], options)
    assert {leg for hit in sparse_only for leg in hit.legs} == {"sparse"}


def test_a_query_that_has_only_one_leg_left_is_fused_all_the_same(collection: Collection) -> None:
    only = Vectors({"dense": QUERIES[0].legs["dense"]}, True)
    [hits] = search(collection, [only, Vectors({}, True)], SearchOptions())[:1]
    assert [hit.score for hit in hits] == [1 / (60 + rank) for rank in range(1, 11)]
    assert search(collection, [Vectors({}, True)], SearchOptions()) == [[]]


def test_what_was_deleted_meanwhile_is_left_out(
    oracle: MemoryCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    [hits] = search(oracle, QUERIES[:1], SearchOptions(limit=3))
    kept = oracle.get

    def get(ids: Any, **options: Any) -> Any:
        return [record for record in kept(ids, **options) if record.id != point_id(hits[1].id)]

    monkeypatch.setattr(oracle, "get", get)
    found: list[Hit] = search(oracle, QUERIES[:1], SearchOptions(limit=3))[0]
    assert [hit.id for hit in found][:2] == [hits[0].id, hits[2].id]
