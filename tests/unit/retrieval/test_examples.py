"""Search by stored documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from splade_sdk import Document, Retriever
from splade_sdk.errors import CollectionMismatchError, InvalidInputError, InvalidTypeError
from tests.unit.fakes import HybridEncoder, WordEncoder

pytest.importorskip("qdrant_edge")

DOCUMENTS = [
    Document("fish", "red fish fish", {"n": 1}),
    Document("fishes", "fish tank", {"n": 2}),
    Document("tank", "green tank war", {"n": 3}),
    Document("war", "war of aeae", {"n": 4}),
    Document("blank", "", {"n": 5}),
]


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=HybridEncoder()) as made:
        made.upsert(DOCUMENTS)
        yield made


def ids(hits: Any) -> list[str]:
    return [hit.id for hit in hits]


def test_like_one_document(retriever: Retriever) -> None:
    hits = retriever.recommend("fish", mode="sparse")
    assert [(hit.id, hit.score) for hit in hits] == [("fishes", 2.0)]  # weight 2 of fish


def test_like_two_is_like_their_mean(retriever: Retriever) -> None:
    hits = retriever.recommend(["fish", "war"], mode="sparse")
    # (fish 2, red 1) and (war 1, of 1, aeae 1), halved: tank has war, fishes has fish.
    assert [(hit.id, hit.score) for hit in hits] == [("fishes", 1.0), ("tank", 0.5)]


def test_and_unlike_others(retriever: Retriever) -> None:
    # 2 * (fish 1, tank 1) - (green 1, tank 1, war 1) = fish 2, tank 1; green and war are dropped.
    hits = retriever.recommend("fishes", negative=["tank"], mode="sparse")
    assert [(hit.id, hit.score) for hit in hits] == [("fish", 4.0)]


def test_dense_and_hybrid(retriever: Retriever) -> None:
    dense = retriever.recommend("fishes", mode="dense")
    stored = {each.id: each.dense for each in retriever.documents(with_vectors=True)}
    assert stored["fishes"] is not None
    assert ids(dense) == sorted(
        ("fish", "tank", "war"),
        key=lambda each: -float(stored[each] @ stored["fishes"]),  # type: ignore[operator]
    )
    hybrid = retriever.recommend("fishes")
    assert {leg for hit in hybrid for leg in hit.legs} == {"sparse", "dense"}
    away = retriever.recommend("fishes", negative="war", mode="dense")
    query = 2 * stored["fishes"] - stored["war"]  # type: ignore[operator]
    expected = float(stored["fish"] @ query / np.linalg.norm(query))  # type: ignore[operator]
    assert {hit.id: hit.score for hit in away}["fish"] == pytest.approx(expected, abs=1e-6)


def test_other_conditions_still_hold(retriever: Retriever) -> None:
    assert ids(retriever.recommend("fishes", filter={"n": {"gt": 1}}, mode="sparse")) == ["tank"]
    assert ids(retriever.recommend("fishes", limit=1, offset=1, mode="sparse")) == ["tank"]


def test_a_document_without_vectors_is_like_nothing(retriever: Retriever) -> None:
    assert retriever.recommend("blank") == []
    assert retriever.recommend("blank", mode="sparse") == []
    with pytest.raises(InvalidInputError, match=r"none of the documents \['blank'\] has a dense"):
        retriever.recommend("blank", mode="dense")


def test_wrong_arguments_are_told(retriever: Retriever) -> None:
    with pytest.raises(InvalidInputError, match=r"documents \['gone'\] are not stored"):
        retriever.recommend(["fish", "gone"])
    with pytest.raises(InvalidInputError, match="positive is empty"):
        retriever.recommend([])
    with pytest.raises(InvalidTypeError, match=r"ids\[0\] is 3"):
        retriever.recommend([3])  # type: ignore[list-item]
    with pytest.raises(InvalidInputError, match="mode is 'x'"):
        retriever.recommend("fish", mode="x")  # type: ignore[arg-type]
    with Retriever(":memory:", encoder=WordEncoder()) as sparse:
        sparse.upsert(DOCUMENTS)
        assert ids(sparse.recommend("fish")) == ["fishes"]
        with pytest.raises(CollectionMismatchError, match="no dense vectors"):
            sparse.recommend("fish", mode="hybrid")


def test_groups_by_a_field() -> None:
    documents = [
        Document(f"{book}{n}", "fish " * (n + 1), {"book": {"id": book}})
        for book in ("a", "b")
        for n in range(3)
    ]
    with Retriever(":memory:", encoder=WordEncoder()) as made:
        made.upsert(documents)
        groups = made.search_groups("fish", group_by="book.id", group_size=2)
        assert [(each.key, ids(each.hits)) for each in groups] == [
            ("a", ["a2", "a1"]),
            ("b", ["b2", "b1"]),
        ]
        assert groups[0].hits[0].metadata == {"book": {"id": "a"}}
        with pytest.raises(InvalidInputError, match="group_size is 0"):
            made.search_groups("fish", group_by="book.id", group_size=0)
        with pytest.raises(InvalidTypeError, match="group_by is 3: expected the name"):
            made.search_groups("fish", group_by=3)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError):
            made.search_groups("fish", group_by="")
