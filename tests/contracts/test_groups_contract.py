"""Groups over every engine: those of the whole ranking, and those that Qdrant itself makes."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

from splade_sdk.qdrant.base import Collection, Point, SearchRequest
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import from_payload, to_payload
from splade_sdk.retrieval.search import groups
from splade_sdk.retrieval.search.fusion import RRF, Weighted
from splade_sdk.retrieval.search.options import SearchOptions
from splade_sdk.types import Document, SparseVector
from tests.contracts.conftest import DENSE, DIMENSIONS, Engine
from tests.contracts.searches import Vectors, search, search_groups

_RNG = np.random.default_rng(13)
PATH = "metadata.book"
BOOKS: list[Any] = ["a", "b", "c", 4, 5, "rare", ["a", "x"], None, 1.5, True, [], ["b", 2.5]]


def sparse(count: int) -> SparseVector:
    terms = np.sort(_RNG.choice(12, size=count, replace=False))
    return SparseVector(terms, _RNG.exponential(size=count) + 0.01, DIMENSIONS)


def book(n: int) -> dict[str, Any]:
    if n % 10 == 9:
        return {}
    return {"book": "rare" if n == 77 else BOOKS[int(_RNG.integers(len(BOOKS)))]}


POINTS = [
    Point(
        point_id(f"d{n}"),
        sparse(6),
        to_payload(Document(f"d{n}", f"text {n}", book(n))),
        _RNG.normal(size=4).astype(np.float32),
    )
    for n in range(160)
]
QUERY: Vectors = Vectors({"sparse": sparse(5)}, False)
BOTH = Vectors({**QUERY.legs, "dense": _RNG.normal(size=4).astype(np.float32)}, True)


@pytest.fixture(scope="module")
def collection(shared_engine: Engine) -> Collection:
    made = shared_engine.open("groups", dense=DENSE)
    made.upsert(POINTS)
    return made


def exhaustive(ranking: Any, limit: int, size: int) -> list[tuple[Any, list[str]]]:
    """Group a whole ranking of (id, metadata) by hand."""
    found: dict[Any, list[str]] = {}
    for each, metadata in ranking:
        value = metadata.get("book")
        keys = value if isinstance(value, list) else [value]
        if all(type(key) in (str, int, float, bool) for key in keys):
            for key in keys:
                # True is a key of its own, though it is equal to 1.
                found.setdefault((type(key), key), []).append(each)
    return [(key, hits[:size]) for (_, key), hits in found.items()][:limit]


@pytest.mark.parametrize("depth", [100, 7])
@pytest.mark.parametrize(("limit", "size"), [(3, 2), (2, 30), (50, 3)])
def test_groups_of_one_leg_are_those_of_the_whole_ranking(
    collection: Collection,
    limit: int,
    size: int,
    depth: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A shallow first ranking: groups must then be found, and filled, by filters.
    monkeypatch.setattr(groups, "_depth", lambda *_: depth)
    monkeypatch.setattr(groups, "_MOST_ROUNDS", 50)
    whole = collection.search(SearchRequest(QUERY.legs["sparse"], limit=200))
    ranking = [(from_payload(p.payload).id, from_payload(p.payload).metadata) for p in whole]
    made = search_groups(collection, QUERY, SearchOptions(limit=limit), path=PATH, group_size=size)
    expected = exhaustive(ranking, limit, size)
    assert [(group.key, [hit.id for hit in group.hits]) for group in made] == expected
    scores = {from_payload(point.payload).id: point.score for point in whole}
    assert all(hit.score == scores[hit.id] for group in made for hit in group.hits)
    ranks = {each: rank for rank, (each, _) in enumerate(ranking, start=1)}
    told = [(hit.id, hit.legs["sparse"].rank) for g in made for hit in g.hits if hit.legs]
    assert told
    assert all(ranks[each] == rank for each, rank in told)


@pytest.mark.parametrize("fusion", [Weighted(), RRF()], ids=repr)
def test_fused_scores_are_those_of_a_search(collection: Collection, fusion: Any) -> None:
    options = SearchOptions(limit=4, fusion=fusion, prefetch_limit=60)
    [hits] = search(collection, [BOTH], SearchOptions(limit=200, fusion=fusion, prefetch_limit=60))
    made = search_groups(collection, BOTH, options, path=PATH, group_size=3)
    expected = exhaustive([(hit.id, hit.metadata) for hit in hits], 4, 3)
    assert [(group.key, [hit.id for hit in group.hits]) for group in made] == expected
    by_id = {hit.id: hit for hit in hits}
    for hit in (hit for group in made for hit in group.hits):
        assert hit.score == pytest.approx(by_id[hit.id].score)
        assert hit.legs.keys() == by_id[hit.id].legs.keys()


def test_a_fused_ranking_goes_as_deep_as_it_must(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_depth", lambda *_: 5)
    made = search_groups(collection, BOTH, SearchOptions(limit=7), path=PATH, group_size=1)
    assert len(made) == 7
    few = SearchOptions(limit=7, prefetch_limit=3)
    assert len(search_groups(collection, BOTH, few, path=PATH, group_size=1)) < 7


def test_filters_payload_and_nothing_found(collection: Collection) -> None:
    options = SearchOptions(
        limit=5, filter=to_filter({"book": ["a", 4]}), with_payload=(), with_vectors=True
    )
    for asked in (QUERY, BOTH):
        made = search_groups(collection, asked, options, path=PATH, group_size=2)
        # "x" comes along: documents of both "a" and "x" meet the filter.
        assert {group.key for group in made} <= {"a", 4, "x"}
        assert len(made) >= 2
        assert all((hit.text, hit.metadata) == ("", {}) for group in made for hit in group.hits)
        assert made[0].hits[0].vector is not None
    nowhere = SearchOptions(filter=to_filter({"book": "nowhere"}))
    assert search_groups(collection, QUERY, nowhere, path=PATH, group_size=2) == []
    assert search_groups(collection, QUERY, SearchOptions(), path="metadata.no", group_size=2) == []
    assert (
        search_groups(collection, Vectors({}, True), SearchOptions(), path=PATH, group_size=1) == []
    )


def _has_other_values(point: Point) -> bool:
    value = point.payload["metadata"].get("book")
    return any(
        type(each) in (float, bool) for each in (value if isinstance(value, list) else [value])
    )


def test_they_are_what_qdrant_makes(engine: Engine) -> None:
    collection: Any = engine.open(dense=DENSE)
    if not hasattr(collection, "_client") or not hasattr(collection._client._client, "collections"):
        pytest.skip("only qdrant-client's local mode makes groups without a server")
    if Version(version("qdrant-client")) < Version("1.20"):
        pytest.skip("local mode before 1.20 orders groups of one document by the hash seed")
    # Qdrant groups by strings and integers only.
    collection.upsert([point for point in POINTS if not _has_other_values(point)])
    vector = QUERY.legs["sparse"]
    assert isinstance(vector, SparseVector)
    theirs = collection._client.query_points_groups(
        collection._collection,
        group_by=PATH,
        query=vector.to_qdrant(),
        using="splade",
        limit=6,
        group_size=3,
    ).groups
    made = search_groups(collection, QUERY, SearchOptions(limit=6), path=PATH, group_size=3)
    assert [(group.key, [hit.id for hit in group.hits]) for group in made] == [
        (group.id, [hit.payload["doc_id"] for hit in group.hits]) for group in theirs
    ]
