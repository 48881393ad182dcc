"""Our LangChain store and retriever over an AsyncRetriever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langchain_qdrant")

from langchain_core.documents import Document

from splade_integrations.langchain import SpladeRetriever, SpladeVectorStore
from splade_sdk.errors import ConfigError, InvalidInputError
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from tests.splade_integrations.conftest import MakeRetriever

DOCUMENTS = [
    Document(id="heart", page_content="heart attack attack", metadata={"year": 2024}),
    Document(id="panic", page_content="panic attack", metadata={"year": 2020}),
    Document(id="blank", page_content=""),
]


@pytest.fixture
def retriever(make_async_retriever: MakeRetriever) -> AsyncRetriever:
    made: AsyncRetriever = make_async_retriever()
    return made


async def test_a_store_over_it(retriever: AsyncRetriever) -> None:
    store = SpladeVectorStore(retriever)
    assert await store.asimilarity_search("attack") == []
    assert await store.aget_by_ids(["heart"]) == []
    assert await store.adelete(["heart"]) is True
    assert await store.aadd_documents(DOCUMENTS) == ["heart", "panic", "blank"]
    assert await store.asimilarity_search_with_score("attack") == [
        (DOCUMENTS[0], 2.0),
        (DOCUMENTS[1], 1.0),
    ]
    assert await store.asimilarity_search("attack", 1, filter={"year": 2020}) == [DOCUMENTS[1]]
    assert await store.as_retriever(search_kwargs={"k": 1}).ainvoke("panic") == [DOCUMENTS[1]]
    (made,) = await store.aadd_texts(["panic panic"], [{"year": 1999}])
    assert (await store.asimilarity_search("panic", k=1))[0].id == made
    await store.adelete(filter={"year": 1999})
    assert await store.aget_by_ids(["blank", made, "heart"]) == [DOCUMENTS[2], DOCUMENTS[0]]
    with pytest.raises(InvalidInputError, match="1 ids for 2 texts"):
        await store.aadd_texts(["a", "b"], ids=["x"])
    with pytest.raises(InvalidInputError, match="1 ids for 3 documents"):
        await store.aadd_documents(DOCUMENTS, ids=["x"])


async def test_a_retriever_over_it(retriever: AsyncRetriever) -> None:
    await SpladeVectorStore.afrom_texts(
        ["one attack", "attack attack"], ids=["a", "b"], retriever=retriever
    )
    made = SpladeRetriever(retriever=retriever, k=1)
    assert [each.id for each in await made.ainvoke("attack")] == ["b"]
    found = await made.abatch(["attack", "one"], k=2)
    assert [[each.id for each in one] for one in found] == [["b", "a"], ["a"]]


async def test_many_at_once(retriever: AsyncRetriever) -> None:
    store = SpladeVectorStore(retriever)
    await store.aadd_texts([f"word{n}" for n in range(20)], ids=[str(n) for n in range(20)])
    found = await asyncio.gather(*(store.asimilarity_search(f"word{n}") for n in range(20)))
    assert [each.id for (each,) in found] == [str(n) for n in range(20)]


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.add_documents(DOCUMENTS),
        lambda store: store.add_texts(["a"]),
        lambda store: store.similarity_search("a"),
        lambda store: store.get_by_ids(["a"]),
        lambda store: store.delete(["a"]),
        lambda store: SpladeVectorStore.from_texts(["a"], retriever=store.retriever),
        lambda store: SpladeRetriever(retriever=store.retriever).invoke("a"),
    ],
)
def test_what_is_not_awaited_is_refused(call: Callable[[Any], object]) -> None:
    with pytest.raises(ConfigError, match=r"AsyncRetriever\(.*only calls that are awaited"):
        call(SpladeVectorStore(AsyncRetriever(":memory:")))
