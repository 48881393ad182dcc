"""``/search`` over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from splade_sdk import Document, Retriever
from splade_sdk.errors import (
    CollectionMismatchError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
)
from splade_sdk.types import Hit
from tests.unit.fakes import LetterEncoder, WordEncoder
from tests.unit.serving.conftest import Serve, Terms

pytest.importorskip("fastapi")

DOCUMENTS = [
    Document("a", "doctor for heart pain", {"year": 2020}),
    Document("b", "a physician writes", {"year": 2021}),
    Document("c", "growing tomatoes", {"year": 2022, "tags": ["garden"]}),
]


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=Terms()) as made:
        made.upsert(DOCUMENTS)
        yield made


def test_hits_are_those_of_the_retriever(serve: Serve, retriever: Retriever) -> None:
    client = serve(retriever.encoder, retriever)
    answer = client.post("/search", json={"query": "doctor pain"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["mode"] == "sparse"
    hits = retriever.search("doctor pain")
    assert [(hit["id"], hit["score"], hit["text"], hit["metadata"]) for hit in told["hits"]] == [
        (hit.id, hit.score, hit.text, dict(hit.metadata)) for hit in hits
    ]
    first = told["hits"][0]
    # doctor 1 x 1, pain 1 x 1, and physician, which both sides were given: 0.5 x 0.5
    assert (first["id"], first["score"]) == ("a", 2.25)
    assert first["legs"] == {"sparse": {"rank": 1, "score": 2.25}}
    assert {term["term"]: term["score"] for term in first["terms"]} == {
        "doctor": 1.0,
        "pain": 1.0,
        "physician": 0.25,
    }
    assert [first["text"][start:end] for start, end in first["spans"]] == ["doctor", "pain"]
    assert [(term["term"], term["literal"]) for term in told["query_terms"]][-1] == (
        "physician",
        False,
    )


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, ["a", "b"]),
        ({"limit": 1}, ["a"]),
        ({"offset": 1}, ["b"]),
        ({"filter": {"year": {"gte": 2021}}}, ["b"]),
        ({"filter": {"year": 1999}}, []),
        # a: 1 x 1 + 0.5 x 0.5 = 1.25; b: 1 x 0.5 + 0.5 x 1 = 1
        ({"score_threshold": 1.25}, ["a"]),
        ({"mode": "sparse"}, ["a", "b"]),
    ],
)
def test_what_can_be_asked(
    serve: Serve, retriever: Retriever, given: dict[str, Any], ids: list[str]
) -> None:
    client = serve(retriever.encoder, retriever)
    answer = client.post("/search", json={"query": "doctor", **given})
    assert [hit["id"] for hit in answer.json()["hits"]] == ids


def test_payload_and_terms_can_be_left_out(serve: Serve, retriever: Retriever) -> None:
    client = serve(retriever.encoder, retriever)
    bare = {"query": "doctor", "with_payload": False, "with_terms": False}
    told = client.post("/search", json=bare).json()
    assert told["query_terms"] == []
    assert {tuple(hit[name] for name in ("text", "id")) for hit in told["hits"]} == {
        ("", "a"),
        ("", "b"),
    }
    assert all(not (hit["metadata"] or hit["terms"] or hit["spans"]) for hit in told["hits"])
    terms_only = {"query": "doctor", "with_payload": False}
    assert client.post("/search", json=terms_only).json()["hits"][0]["terms"]


@pytest.mark.parametrize("query", ["", " ", "nothing of this"])
def test_a_query_that_finds_nothing(serve: Serve, retriever: Retriever, query: str) -> None:
    client = serve(retriever.encoder, retriever)
    answer = client.post("/search", json={"query": query})
    assert (answer.status_code, answer.json()["hits"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 422, "query: Field required"),
        ({"query": 3}, 422, "query"),
        ({"query": "a", "limit": 0}, 422, "limit"),
        ({"query": "a", "limit": 1.5}, 422, "limit"),
        ({"query": "a", "limit": 101}, 413, "at most 100 hits"),
        ({"query": "a", "offset": -1}, 422, "offset"),
        ({"query": "a", "top": 3}, 422, "top: Extra inputs"),
        ({"query": "a", "mode": "magic"}, 422, "mode"),
        ({"query": "a", "mode": "hybrid"}, 422, "this collection has sparse"),
        ({"query": "a", "filter": [1]}, 422, "filter"),
        ({"query": "a", "filter": {"year": {"above": 3}}}, 422, "above"),
        ({"query": "x" * 200_001}, 413, "characters"),
    ],
)
def test_what_cannot_be_asked(
    serve: Serve, retriever: Retriever, body: dict[str, Any], status: int, told: str
) -> None:
    answer = serve(retriever.encoder, retriever).post("/search", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (status, "Validation")
    assert told in answer.json()["error"]


def test_without_a_collection_there_is_no_search(serve: Serve) -> None:
    client = serve(WordEncoder())
    assert client.post("/search", json={"query": "a"}).status_code == 404
    assert client.get("/info").json()["splade_sdk"]["modes"] == []


def test_a_collection_that_is_not_there(serve: Serve) -> None:
    with Retriever(":memory:", encoder=Terms()) as empty:
        answer = serve(empty.encoder, empty).post("/search", json={"query": "a"})
    assert (answer.status_code, answer.json()["error_type"]) == (404, "NotFound")
    assert "upsert" in answer.json()["error"]


# --- dense and hybrid -------------------------------------------------------------------------


@pytest.fixture
def hybrid() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=Terms(), dense_encoder=LetterEncoder()) as made:
        made.upsert(DOCUMENTS)
        yield made


@pytest.mark.parametrize("mode", ["sparse", "dense", "hybrid"])
def test_each_mode_is_the_retrievers(serve: Serve, hybrid: Retriever, mode: Any) -> None:
    client = serve(hybrid.encoder, hybrid)
    told = client.post("/search", json={"query": "doctor pain", "mode": mode}).json()
    hits = hybrid.search("doctor pain", mode=mode)
    assert told["mode"] == mode
    assert [(hit["id"], hit["score"]) for hit in told["hits"]] == [
        (hit.id, hit.score) for hit in hits
    ]
    assert told["hits"][0]["legs"] == {
        name: {"rank": leg.rank, "score": leg.score} for name, leg in hits[0].legs.items()
    }
    assert {term["term"] for term in told["hits"][0]["terms"]} == {"doctor", "pain", "physician"}


def test_hybrid_is_the_default_where_there_are_dense_vectors(
    serve: Serve, hybrid: Retriever
) -> None:
    client = serve(hybrid.encoder, hybrid)
    assert client.get("/info").json()["splade_sdk"]["modes"] == ["sparse", "dense", "hybrid"]
    assert client.post("/search", json={"query": "doctor"}).json()["mode"] == "hybrid"


def test_a_sparse_query_is_encoded_once_with_those_of_others(
    serve: Serve, retriever: Retriever
) -> None:
    client = serve(retriever.encoder, retriever)
    encoder: Any = retriever.encoder
    encoder.calls.clear()
    client.post("/search", json={"query": "doctor"})
    assert encoder.calls == [["doctor"]]


class Broken:
    """A retriever whose engine fails."""

    modes = ("sparse",)

    def __init__(self, error: Exception) -> None:
        self.encoder = Terms()
        self._error = error

    def search(self, query: Any, **given: Any) -> list[Hit]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EngineConnectionError("refused by http://10.0.0.7:6333"), 503),
        (EngineTimeoutError("http://10.0.0.7:6333"), 504),
        (EngineError("http://10.0.0.7:6333"), 500),
        (CollectionMismatchError("http://10.0.0.7:6333"), 500),
    ],
)
def test_failures_of_the_engine_tell_no_address(
    serve: Serve, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(error)
    answer = serve(broken.encoder, broken).post("/search", json={"query": "a"})
    assert answer.status_code == status
    assert "10.0.0.7" not in answer.text
    assert "10.0.0.7" in caplog.text


def test_many_searches_at_once(serve: Serve, retriever: Retriever) -> None:
    client = serve(retriever.encoder, retriever)

    def ask(query: str) -> list[str]:
        return [hit["id"] for hit in client.post("/search", json={"query": query}).json()["hits"]]

    queries = ["doctor", "tomatoes", "nothing"] * 20
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, queries)) == [["a", "b"], ["c"], []] * 20
