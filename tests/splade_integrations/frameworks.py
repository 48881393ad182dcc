"""What a user does with an integration, in one form for all frameworks."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import Mode

__all__ = ["FRAMEWORKS", "Framework", "Haystack", "LangChain", "LlamaIndex", "in_turn"]

Scored = list[tuple[str, float]]
_RRF = RRF()


class Framework(Protocol):
    """Adds texts to a collection, and searches it."""

    def __init__(self, retriever: Retriever) -> None: ...

    def add(self, texts: list[str]) -> None: ...

    def search(
        self,
        query: str,
        limit: int,
        *,
        mode: Mode | None = None,
        fusion: Fusion = _RRF,
        threshold: float | None = None,
    ) -> Scored: ...

    async def asearch(
        self, query: str, limit: int, *, mode: Mode | None = None, fusion: Fusion = _RRF
    ) -> Scored: ...


class LangChain:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("langchain_qdrant")
        from splade_integrations.langchain import SpladeVectorStore

        self.store = SpladeVectorStore(retriever)

    def add(self, texts: list[str]) -> None:
        self.store.add_texts(texts)

    def search(
        self,
        query: str,
        limit: int,
        *,
        mode: Mode | None = None,
        fusion: Fusion = _RRF,
        threshold: float | None = None,
    ) -> Scored:
        found = self.store.similarity_search_with_score(
            query, limit, mode=mode, fusion=fusion, score_threshold=threshold
        )
        return [(each.page_content, score) for each, score in found]

    async def asearch(
        self, query: str, limit: int, *, mode: Mode | None = None, fusion: Fusion = _RRF
    ) -> Scored:
        found = await self.store.asimilarity_search_with_score(
            query, limit, mode=mode, fusion=fusion
        )
        return [(each.page_content, score) for each, score in found]


class Haystack:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("haystack_integrations")
        from splade_integrations.haystack import SpladeDocumentStore

        self.store = SpladeDocumentStore(":memory:", model=retriever.encoder)
        self.store._retriever = retriever

    def add(self, texts: list[str]) -> None:
        from haystack import Document

        self.store.write_documents([Document(content=text) for text in texts])

    def _component(self, **given: Any) -> Any:
        from splade_integrations.haystack import SpladeRetriever

        return SpladeRetriever(self.store, **given)

    def search(
        self,
        query: str,
        limit: int,
        *,
        mode: Mode | None = None,
        fusion: Fusion = _RRF,
        threshold: float | None = None,
    ) -> Scored:
        made = self._component(top_k=limit, mode=mode, fusion=fusion, score_threshold=threshold)
        return [(each.content, each.score) for each in made.run(query)["documents"]]

    async def asearch(
        self, query: str, limit: int, *, mode: Mode | None = None, fusion: Fusion = _RRF
    ) -> Scored:
        made = self._component(top_k=limit, mode=mode, fusion=fusion)
        found = await made.run_async(query)
        return [(each.content, each.score) for each in found["documents"]]


class LlamaIndex:
    def __init__(self, retriever: Retriever) -> None:
        pytest.importorskip("llama_index.vector_stores.qdrant")
        self.retriever = retriever

    def _component(self, **given: Any) -> Any:
        from splade_integrations.llama_index import SpladeRetriever

        return SpladeRetriever(self.retriever, **given)

    def add(self, texts: list[str]) -> None:
        from llama_index.core.schema import TextNode

        # Its splitters give the nodes of a document ids of their own each time, unless told how.
        self._component().add_nodes([TextNode(id_=f"node {t}", text=t) for t in texts])

    def search(
        self,
        query: str,
        limit: int,
        *,
        mode: Mode | None = None,
        fusion: Fusion = _RRF,
        threshold: float | None = None,
    ) -> Scored:
        made = self._component(
            similarity_top_k=limit, mode=mode, fusion=fusion, score_threshold=threshold
        )
        return [(each.node.get_content(), each.score) for each in made.retrieve(query)]

    async def asearch(
        self, query: str, limit: int, *, mode: Mode | None = None, fusion: Fusion = _RRF
    ) -> Scored:
        made = self._component(similarity_top_k=limit, mode=mode, fusion=fusion)
        return [(each.node.get_content(), each.score) for each in await made.aretrieve(query)]


FRAMEWORKS: list[type[Framework]] = [LangChain, Haystack, LlamaIndex]


def in_turn(framework: Framework, *asked: Any, **given: Any) -> list[Scored]:
    """Search by both ways, the synchronous one first."""
    return [
        framework.search(*asked, **given),
        asyncio.run(framework.asearch(*asked, **given)),
    ]
