"""Bugs that users of other integrations have reported, as tests over ours.

Haystack's hybrid search never returns more than 20 documents (10 a leg); LlamaIndex's asynchronous
search takes alpha 0 for none; one empty text breaks a batch; texts added again without ids are
stored twice (langflow 12641, langchain 3442).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from splade_sdk.retrieval.fusion import RRF, Fusion, Weighted
from splade_sdk.retrieval.retriever import Retriever
from tests.splade_integrations.conftest import MakeRetriever
from tests.unit.fakes import LetterEncoder, WordEncoder

TEXTS = [f"word {n}" for n in range(60)]


class Framework(Protocol):
    """What a user does with an integration."""

    def add(self, texts: list[str]) -> None: ...

    def search(self, query: str, limit: int, fusion: Fusion) -> list[str]: ...

    def search_async(self, query: str, limit: int, fusion: Fusion) -> list[str]: ...


class LangChain:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("langchain_qdrant")
        from splade_integrations.langchain import SpladeVectorStore

        self.store = SpladeVectorStore(retriever)

    def add(self, texts: list[str]) -> None:
        self.store.add_texts(texts)

    def search(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        found = self.store.similarity_search(query, limit, mode="hybrid", fusion=fusion)
        return [each.page_content for each in found]

    def search_async(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        asked = self.store.asimilarity_search(query, limit, mode="hybrid", fusion=fusion)
        return [each.page_content for each in asyncio.run(asked)]


class Haystack:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("haystack_integrations")
        from splade_integrations.haystack import SpladeDocumentStore

        self.store = SpladeDocumentStore(":memory:", model=WordEncoder())
        self.store._retriever = retriever

    def add(self, texts: list[str]) -> None:
        from haystack import Document

        self.store.write_documents([Document(content=text) for text in texts])

    def component(self, limit: int, fusion: Fusion) -> Any:
        from splade_integrations.haystack import SpladeRetriever

        return SpladeRetriever(self.store, top_k=limit, mode="hybrid", fusion=fusion)

    def search(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        found = self.component(limit, fusion).run(query)["documents"]
        return [each.content for each in found]

    def search_async(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        found = asyncio.run(self.component(limit, fusion).run_async(query))["documents"]
        return [each.content for each in found]


class LlamaIndex:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("llama_index.vector_stores.qdrant")
        self.retriever = retriever

    def component(self, limit: int, fusion: Fusion) -> Any:
        from splade_integrations.llama_index import SpladeRetriever

        return SpladeRetriever(self.retriever, similarity_top_k=limit, mode="hybrid", fusion=fusion)

    def add(self, texts: list[str]) -> None:
        from llama_index.core.schema import TextNode

        # Its splitters give the nodes of a document ids of their own each time, unless told how.
        self.component(1, RRF()).add_nodes([TextNode(id_=f"node {t}", text=t) for t in texts])

    def search(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        return [each.node.get_content() for each in self.component(limit, fusion).retrieve(query)]

    def search_async(self, query: str, limit: int, fusion: Fusion) -> list[str]:
        found = asyncio.run(self.component(limit, fusion).aretrieve(query))
        return [each.node.get_content() for each in found]


@pytest.fixture(params=[LangChain, Haystack, LlamaIndex])
def make(request: pytest.FixtureRequest) -> Callable[[Retriever], Framework]:
    framework: Callable[[Retriever], Framework] = request.param
    return framework


@pytest.fixture
def retriever(make_retriever: MakeRetriever) -> Retriever:
    return make_retriever(WordEncoder(), dense_encoder=LetterEncoder())


@pytest.fixture
def framework(make: Callable[[Retriever], Framework], retriever: Retriever) -> Framework:
    return make(retriever)


def test_a_hybrid_search_returns_as_many_as_asked_for(framework: Framework) -> None:
    framework.add(TEXTS)
    for limit in (50, 21, 1):
        assert len(framework.search("word 7", limit, RRF())) == limit
        assert len(framework.search_async("word 7", limit, RRF())) == limit


def test_a_weight_of_0_is_0(framework: Framework) -> None:
    # Words: "e" occurs twice, once and never. Letters: the cosines are 2 / √5, 1 / √10 and 1.
    twice, once, never = "e e x i", "o o o e", "eee"
    framework.add([twice, once, never])
    for search in (framework.search, framework.search_async):
        assert search("e", 3, Weighted(alpha=0)) == [twice, once]
        assert search("e", 3, Weighted(alpha=1)) == [never, twice, once]
        assert search("e", 3, RRF(dense_weight=0)) == [twice, once]
        assert search("e", 3, RRF(sparse_weight=0)) == [never, twice, once]


def test_an_empty_text_does_not_break_a_batch(framework: Framework, retriever: Retriever) -> None:
    framework.add(["word 1", "", "word 2", " \n"])
    assert retriever.count() == 4
    assert sorted(framework.search("word", 9, RRF())) == ["word 1", "word 2"]
    assert framework.search("", 9, RRF()) == []


def test_texts_added_again_are_stored_once(framework: Framework, retriever: Retriever) -> None:
    for _ in range(2):
        framework.add(TEXTS[:5])
    assert retriever.count() == 5
