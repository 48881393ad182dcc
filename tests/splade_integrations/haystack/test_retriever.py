"""The retriever component, in pipelines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack")
pytest.importorskip("haystack_integrations")

from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import FilterPolicy

from splade_integrations.haystack import SpladeDocumentStore, SpladeRetriever
from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError
from splade_sdk.retrieval.search.fusion import DBSF, RRF, Weighted
from tests.unit.encoders.tiny import save_masked_lm

EVEN = {"field": "meta.even", "operator": "==", "value": True}
SMALL = {"field": "meta.n", "operator": "<", "value": 3}


@pytest.fixture
def filled(document_store: SpladeDocumentStore) -> SpladeDocumentStore:
    document_store.write_documents(
        [
            Document(id=f"d{n}", content="attack " * (n + 1), meta={"n": n, "even": n % 2 == 0})
            for n in range(6)
        ]
    )
    return document_store


def ids(answer: dict[str, list[Document]]) -> list[str]:
    return [each.id for each in answer["documents"]]


def test_the_best_come_first_with_their_scores(filled: SpladeDocumentStore) -> None:
    found = SpladeRetriever(filled, top_k=2).run("attack")["documents"]
    assert [(each.id, each.score) for each in found] == [("d5", 6.0), ("d4", 5.0)]


def test_a_run_overrides_what_was_given(filled: SpladeDocumentStore) -> None:
    retriever = SpladeRetriever(filled, filters=EVEN, top_k=1, score_threshold=2.0)
    assert ids(retriever.run("attack")) == ["d4"]
    assert ids(retriever.run("attack", top_k=9)) == ["d4", "d2"]
    assert ids(retriever.run("attack", top_k=9, score_threshold=0.0)) == ["d4", "d2", "d0"]
    assert ids(retriever.run("attack", top_k=9, filters=SMALL)) == ["d2", "d1"]
    assert ids(asyncio.run(retriever.run_async("attack", top_k=9))) == ["d4", "d2"]


def test_filters_can_be_merged(filled: SpladeDocumentStore) -> None:
    retriever = SpladeRetriever(filled, filters=EVEN, filter_policy=FilterPolicy.MERGE)
    assert ids(retriever.run("attack", filters=SMALL)) == ["d2", "d0"]


def test_fifty_asked_for_are_fifty(filled: SpladeDocumentStore) -> None:
    filled.write_documents([Document(content=f"attack number {n}") for n in range(60)])
    assert len(ids(SpladeRetriever(filled, top_k=50).run("attack"))) == 50


def test_top_k_0_is_not_taken_for_none(filled: SpladeDocumentStore) -> None:
    with pytest.raises(InvalidInputError, match="limit is 0"):
        SpladeRetriever(filled).run("attack", top_k=0)


def test_an_empty_store_finds_nothing(document_store: SpladeDocumentStore) -> None:
    assert SpladeRetriever(document_store).run("attack") == {"documents": []}


def test_another_store_is_refused() -> None:
    with pytest.raises(InvalidTypeError, match="QdrantSparseEmbeddingRetriever"):
        SpladeRetriever(InMemoryDocumentStore())  # type: ignore[arg-type]


def test_fusions_survive_a_file() -> None:
    store = SpladeDocumentStore(":memory:")
    for fusion in (None, RRF(k=2, dense_weight=0.0), DBSF(), Weighted(alpha=0.0)):
        data = SpladeRetriever(store, mode="hybrid", fusion=fusion).to_dict()
        again = SpladeRetriever.from_dict(data)
        assert again.to_dict() == data
        assert again._fusion == fusion
    data["init_parameters"]["fusion"]["name"] = "Nonsense"
    with pytest.raises(ConfigError, match="Nonsense"):
        SpladeRetriever.from_dict(data)


def test_it_is_part_of_pipelines_that_survive_a_file(tmp_path: Path) -> None:
    model = str(save_masked_lm("bert", tmp_path / "model"))
    store = SpladeDocumentStore(path=str(tmp_path / "index"), model=model)
    writing = Pipeline()
    writing.add_component("writer", DocumentWriter(store))
    document = Document(id="a", content="heart attack", meta={"even": True})
    writing.run({"writer": {"documents": [document]}})
    pipeline = Pipeline()
    pipeline.add_component("retriever", SpladeRetriever(store, filters=EVEN, top_k=3))
    pipeline.add_component(
        "prompt",
        PromptBuilder(
            "{% for d in documents %}{{ d.content }}{% endfor %}: {{ query }}",
            required_variables="*",
        ),
    )
    pipeline.connect("retriever.documents", "prompt.documents")
    dumped = pipeline.dumps()
    asked: dict[str, Any] = {"retriever": {"query": "heart"}, "prompt": {"query": "heart"}}
    said = pipeline.run(asked)
    store.close()
    again = Pipeline.loads(dumped, allowed_modules=["splade_integrations.*"])
    assert again.dumps() == dumped
    assert again.run(asked) == said
    assert said["prompt"]["prompt"] == "heart attack: heart"
    again.get_component("retriever")._document_store.close()
