"""Our collection as a LangChain retriever, inside chains."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("langchain_qdrant")

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from pydantic import ValidationError

from splade_integrations.langchain import SpladeRetriever
from splade_sdk.errors import CollectionNotFoundError
from splade_sdk.types import Document as OurDocument
from tests.splade_integrations.conftest import MakeRetriever


@pytest.fixture
def retriever(make_retriever: MakeRetriever) -> SpladeRetriever:
    made = make_retriever()
    made.upsert(
        OurDocument(f"d{n}", "attack " * (n + 1), {"n": n, "even": n % 2 == 0}) for n in range(6)
    )
    return SpladeRetriever(retriever=made)


def ids(found: list[Document]) -> list[str | None]:
    return [each.id for each in found]


def test_the_best_come_first_with_their_metadata(retriever: SpladeRetriever) -> None:
    found = retriever.invoke("attack")
    assert ids(found) == ["d5", "d4", "d3", "d2"]
    assert found[0] == Document(
        id="d5", page_content="attack " * 6, metadata={"n": 5, "even": False}
    )


def test_what_was_given_can_be_overridden_for_one_call(retriever: SpladeRetriever) -> None:
    narrow = SpladeRetriever(
        retriever=retriever.retriever, k=2, search_kwargs={"filter": {"even": True}}
    )
    assert ids(narrow.invoke("attack")) == ["d4", "d2"]
    assert ids(narrow.invoke("attack", k=1, filter={"even": False})) == ["d5"]
    assert ids(narrow.invoke("attack", score_threshold=4)) == ["d4"]
    assert ids(asyncio.run(narrow.ainvoke("attack", k=3))) == ["d4", "d2", "d0"]


def test_batches(retriever: SpladeRetriever) -> None:
    assert [ids(found) for found in retriever.batch(["attack", "nothing"])] == [
        ["d5", "d4", "d3", "d2"],
        [],
    ]


def test_it_is_part_of_a_chain(retriever: SpladeRetriever) -> None:
    def context(found: list[Document]) -> str:
        return ", ".join(each.id or "" for each in found)

    prompt = ChatPromptTemplate.from_template("{context} | {question}")
    chain: Any = (
        {"context": retriever | context, "question": RunnablePassthrough()}
        | prompt
        | RunnableLambda(lambda given: given.to_messages()[0].content)
    )
    assert chain.invoke("attack") == "d5, d4, d3, d2 | attack"
    assert asyncio.run(chain.ainvoke("attack")) == "d5, d4, d3, d2 | attack"


def test_k_is_at_least_1(retriever: SpladeRetriever) -> None:
    with pytest.raises(ValidationError):
        SpladeRetriever(retriever=retriever.retriever, k=0)


def test_a_collection_that_does_not_exist_is_an_error(make_retriever: MakeRetriever) -> None:
    with pytest.raises(CollectionNotFoundError):
        SpladeRetriever(retriever=make_retriever()).invoke("attack")
