"""``/search`` over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from splade_sdk import DBSF, Document, Retriever, Weighted
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import (
    CollectionMismatchError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
)
from splade_sdk.retrieval.search.json_options import JsonSearchOptions
from splade_sdk.types import Hit, SparseVector
from splade_sdk.types.explanation_parts import highlights
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
        ({"leg_thresholds": {"sparse": 1.25}}, ["a"]),
        ({"offset": 9_990}, []),
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
        ({"query": "a", "offset": 2**63 - 1}, 422, "at most 10,000"),
        ({"query": "a", "offset": 2**64}, 422, "at most 10,000"),
        ({"query": "a", "offset": 9_991}, 422, "at most 10,000"),
        ({"query": "a", "prefetch_limit": 10_001}, 422, "prefetch_limit is 10001"),
        ({"query": "a", "score_threshold": "x"}, 422, "score_threshold"),
        ({"query": "a", "fusion": {"name": "Best"}}, 422, "Best"),
        ({"query": "a", "leg_thresholds": {"bm25": 1.0}}, 422, "leg_thresholds"),
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


def test_a_request_has_the_options_of_the_retriever() -> None:
    options = JsonSearchOptions.model_fields
    parameters = signature(Retriever.search).parameters
    assert set(parameters) - set(options) == {"self", "query", "with_payload", "with_vectors"}
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert JsonSearchOptions().keywords() == {name: defaults[name] for name in options}
    assert all(field.description for field in options.values())


@pytest.mark.parametrize("fusion", ["DBSF", {"name": "Weighted", "alpha": 0.25}])
def test_how_a_hybrid_search_fuses(serve: Serve, hybrid: Retriever, fusion: Any) -> None:
    body = {"query": "doctor pain", "mode": "hybrid", "fusion": fusion, "prefetch_limit": 5}
    answer = serve(hybrid.encoder, hybrid).post("/search", json=body).json()
    chosen: Any = DBSF() if fusion == "DBSF" else Weighted(alpha=0.25)
    hits = hybrid.search("doctor pain", mode="hybrid", fusion=chosen, prefetch_limit=5)
    assert [(hit["id"], hit["score"]) for hit in answer["hits"]] == [
        (hit.id, hit.score) for hit in hits
    ]


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
    explained = [term.term for term in hits[0].explain().terms]
    assert [term["term"] for term in told["hits"][0]["terms"]] == explained
    # A dense score cannot be taken apart into terms.
    assert set(explained) == (set() if mode == "dense" else {"doctor", "pain", "physician"})


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


# --- explanations -----------------------------------------------------------------------------


def splade(path: Path, *, idf: bool) -> Any:
    from splade_sdk.encoders.splade import SpladeEncoder
    from tests.unit.encoders.tiny import save_masked_lm

    return SpladeEncoder(save_masked_lm("bert", path), device="cpu", idf=idf)


@pytest.mark.parametrize("kind", ["splade", "idf", "bm25", "hybrid"])
def test_the_terms_are_those_that_the_hit_explains(serve: Serve, tmp_path: Path, kind: str) -> None:
    encoder = Bm25Encoder() if kind == "bm25" else splade(tmp_path, idf=kind == "idf")
    dense = LetterEncoder() if kind == "hybrid" else False
    query = "heart attacks and pains"
    texts = ["a heart attack", "attacks of pain; other attacks", "hearts", "growing tomatoes"]
    documents = [Document(str(at), text) for at, text in enumerate(texts)]
    with Retriever(":memory:", encoder=encoder, dense_encoder=dense) as retriever:
        retriever.upsert(documents)
        answer = serve(encoder, retriever).post("/search", json={"query": query}).json()
        hits = retriever.search(query)
        assert [hit["id"] for hit in answer["hits"]] == [hit.id for hit in hits]
        assert hits
        for got, hit in zip(answer["hits"], hits, strict=True):
            explanation = hit.explain()
            assert explanation.terms
            assert got["terms"] == [
                {
                    "term": term.term,
                    "score": pytest.approx(term.contribution, rel=1e-5),
                    "in_query": term.in_query,
                    "in_text": term.in_document,
                }
                for term in explanation.terms
            ]
            spans = [[each.start, each.end] for each in highlights(explanation)]
            assert got["spans"] == spans
            if kind != "hybrid":
                total = sum(term["score"] for term in got["terms"])
                assert total == pytest.approx(got["score"], rel=1e-4)


def test_nothing_is_explained_unless_the_request_wants_it(
    serve: Serve, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder: Any = retriever.encoder
    encoded: list[str] = []
    activations = encoder.activations

    def record(text: str, *, query: bool = False) -> Any:
        encoded.append(text)
        return activations(text, query=query)

    monkeypatch.setattr(encoder, "activations", record)
    client = serve(encoder, retriever)
    client.post("/search", json={"query": "doctor", "with_terms": False})
    assert encoded == []
    client.post("/search", json={"query": "doctor", "limit": 1})
    with_terms = encoded.copy()
    encoded.clear()
    retriever.search("doctor", limit=1)[0].explain()
    assert with_terms == encoded != []  # as often as explain itself runs the model


def test_the_terms_of_a_query_are_literal_or_added(serve: Serve, retriever: Retriever) -> None:
    client = serve(retriever.encoder, retriever)
    answer = client.post("/search", json={"query": "doctor doctor pain"}).json()
    terms = [(each["term"], each["weight"], each["literal"]) for each in answer["query_terms"]]
    assert terms == [("doctor", 2.0, True), ("pain", 1.0, True), ("physician", 0.5, False)]


def test_what_a_term_adds_is_the_product_of_its_weights(serve: Serve) -> None:
    text = "🙂 Physician, physician, physician and pain"
    with Retriever(":memory:", encoder=Terms()) as retriever:
        retriever.upsert([Document("a", text)])
        client = serve(retriever.encoder, retriever)
        (hit,) = client.post("/search", json={"query": "doctor pain"}).json()["hits"]
    assert hit["terms"] == [
        {"term": "physician", "score": 1.5, "in_query": False, "in_text": True},  # 0.5 x 3
        {"term": "pain", "score": 1.0, "in_query": True, "in_text": True},  # 1 x 1
        {"term": "doctor", "score": 0.5, "in_query": True, "in_text": False},  # 1 x 0.5
    ]
    assert hit["score"] == sum(term["score"] for term in hit["terms"]) == 3.0
    words = [text[start:end] for start, end in hit["spans"]]  # positions count code points
    assert words == ["Physician", "physician", "physician", "pain"]


def test_an_encoder_that_cannot_tell_where_terms_come_from(serve: Serve) -> None:
    class Named(WordEncoder):
        def decode(self, vector: SparseVector, top_k: int | None = None) -> list[Any]:
            return [(str(index), weight) for index, weight in vector.to_dict().items()]

    with Retriever(":memory:", encoder=Named()) as retriever:
        retriever.upsert([Document("a", "pain")])
        answer = serve(retriever.encoder, retriever).post("/search", json={"query": "pain"}).json()
    assert answer["query_terms"][0]["literal"] is None
    (hit,) = answer["hits"]
    (term,) = hit["terms"]
    assert (term["score"], term["in_query"], term["in_text"]) == (1.0, None, None)
    assert hit["spans"] == []


# --- failures ---------------------------------------------------------------------------------


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
