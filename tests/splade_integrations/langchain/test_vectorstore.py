"""Our collection as a LangChain vector store, beyond LangChain's standard tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

import pytest

pytest.importorskip("langchain_qdrant")

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index

from splade_integrations.langchain import SpladeVectorStore
from splade_sdk.errors import (
    ConfigError,
    EngineError,
    InvalidDocumentError,
    InvalidFilterError,
    InvalidInputError,
)
from splade_sdk.types import Document as OurDocument
from splade_sdk.types import FailedBatch, IngestReport
from tests.splade_integrations.conftest import MakeRetriever

DOCUMENTS = [
    Document(id="heart", page_content="heart attack attack", metadata={"year": 2024, "tag": "a"}),
    Document(id="panic", page_content="panic attack", metadata={"year": 2020, "tag": "b"}),
    Document(id="blank", page_content="", metadata={"year": 1999}),
]


@pytest.fixture
def store(make_retriever: MakeRetriever) -> SpladeVectorStore:
    made = SpladeVectorStore(make_retriever())
    made.add_documents(DOCUMENTS)
    return made


class TestAdding:
    def test_an_empty_text_is_stored_with_the_others(self, store: SpladeVectorStore) -> None:
        assert store.get_by_ids(["blank", "heart"]) == [DOCUMENTS[2], DOCUMENTS[0]]
        assert store.similarity_search("") == []

    def test_adding_again_does_not_duplicate(self, make_retriever: MakeRetriever) -> None:
        store = SpladeVectorStore(make_retriever())
        one = Document(page_content="a text", metadata={"source": "one"})
        other = Document(page_content="a text", metadata={"source": "other"})
        first = store.add_documents([one, other])
        assert store.add_documents([other, one]) == first[::-1]
        assert store.retriever.count() == 2

    def test_ids_made_of_content_ignore_the_order_of_metadata(
        self, make_retriever: MakeRetriever
    ) -> None:
        store = SpladeVectorStore(make_retriever())
        first = store.add_texts(["a text"], [{"x": 1, "y": datetime(2024, 5, 1)}])
        assert store.add_texts(["a text"], [{"y": datetime(2024, 5, 1), "x": 1}]) == first

    def test_ids_given_come_before_the_documents_own(self, make_retriever: MakeRetriever) -> None:
        store = SpladeVectorStore(make_retriever())
        assert store.add_documents(DOCUMENTS[:2], ids=["given", None]) == ["given", "panic"]
        assert [each.id for each in store.get_by_ids(["given", "panic", "heart"])] == [
            "given",
            "panic",
        ]

    def test_ids_must_be_as_many_as_documents(self, store: SpladeVectorStore) -> None:
        with pytest.raises(InvalidInputError, match="1 ids for 2 documents"):
            store.add_documents(DOCUMENTS[:2], ids=["x"])
        # LangChain's own add_texts stores the first text, and drops the second.
        with pytest.raises(InvalidInputError, match="1 ids for 2 texts"):
            store.add_texts(["a", "b"], ids=["x"])
        with pytest.raises(InvalidInputError, match="3 metadatas for 2 texts"):
            store.add_texts(["a", "b"], [{}] * 3)

    def test_metadata_that_json_cannot_hold_is_refused(self, store: SpladeVectorStore) -> None:
        with pytest.raises(InvalidDocumentError, match="'what'"):
            store.add_texts(["a text"], [{"what": object()}])

    def test_nested_metadata_comes_back(self, store: SpladeVectorStore) -> None:
        metadata = {"a": {"b": [1, 2.5, None, True]}, "loc": {"lines": {"from": 1}}}
        (made,) = store.add_texts(["a text"], [metadata])
        assert store.get_by_ids([made])[0].metadata == metadata

    def test_what_could_not_be_stored_raises(self, store: SpladeVectorStore) -> None:
        cause = RuntimeError("disk full")

        def upsert(documents: Iterable[OurDocument], **_: Any) -> IngestReport:
            ids = tuple(each.id for each in documents)
            return IngestReport(stored=1, failed=(FailedBatch(ids[1:], cause),))

        store.retriever.upsert = upsert  # type: ignore[method-assign]
        with pytest.raises(EngineError, match=r"2 of 3 documents.*'panic': disk full") as caught:
            store.add_documents(DOCUMENTS)
        assert caught.value.__cause__ is cause

    def test_langchains_index_skips_and_cleans_up(self, make_retriever: MakeRetriever) -> None:
        store = SpladeVectorStore(make_retriever())
        manager = InMemoryRecordManager("test")
        manager.create_schema()
        docs = [
            Document(page_content=text, metadata={"source": text}) for text in ("one", "two", "")
        ]

        def run(documents: list[Document]) -> tuple[int, int, int]:
            did = index(
                documents,
                manager,
                store,
                cleanup="full",
                source_id_key="source",
                key_encoder="sha256",
            )
            return did["num_added"], did["num_skipped"], did["num_deleted"]

        assert run(docs) == (3, 0, 0)
        assert run(docs) == (0, 3, 0)
        assert run(docs[:1]) == (0, 1, 2)
        assert store.retriever.count() == 1


class TestSearching:
    def test_scores_are_inner_products(self, store: SpladeVectorStore) -> None:
        found = store.similarity_search_with_score("attack on a heart", k=5)
        # attack: 2 * 1, heart: 1 * 1; attack: 1 * 1.
        assert found == [(DOCUMENTS[0], 3.0), (DOCUMENTS[1], 1.0)]

    @pytest.mark.parametrize(
        ("conditions", "ids"),
        [
            ({"year": 2020}, ["panic"]),
            ({"year": {"gte": 2020}}, ["heart", "panic"]),
            ({"$not": {"tag": "b"}}, ["heart"]),
        ],
    )
    def test_filters(
        self, store: SpladeVectorStore, conditions: dict[str, Any], ids: list[str]
    ) -> None:
        assert [each.id for each in store.similarity_search("attack", filter=conditions)] == ids

    def test_arguments_of_the_retriever_pass_through(self, store: SpladeVectorStore) -> None:
        assert [each.id for each in store.similarity_search("attack", offset=1)] == ["panic"]
        found = store.similarity_search("attack", score_threshold=1.5)
        assert [each.id for each in found] == ["heart"]

    def test_wrong_arguments_are_refused(self, store: SpladeVectorStore) -> None:
        with pytest.raises(TypeError, match="fetch_kk"):
            store.similarity_search("attack", fetch_kk=3)
        with pytest.raises(InvalidFilterError, match="gtee"):
            store.similarity_search("attack", filter={"year": {"gtee": 3}})
        with pytest.raises(InvalidInputError, match="limit is 0"):
            store.similarity_search("attack", k=0)

    def test_fifty_asked_for_are_fifty(self, store: SpladeVectorStore) -> None:
        store.add_texts([f"attack {n}" for n in range(60)])
        assert len(store.similarity_search("attack", k=50)) == 50

    def test_as_retriever(self, store: SpladeVectorStore) -> None:
        retriever = store.as_retriever(search_kwargs={"k": 1, "filter": {"year": 2020}})
        assert retriever.invoke("attack") == [DOCUMENTS[1]]
        assert asyncio.run(retriever.ainvoke("attack")) == [DOCUMENTS[1]]

    def test_there_is_no_relevance_between_0_and_1(self, store: SpladeVectorStore) -> None:
        retriever = store.as_retriever(
            search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5}
        )
        with pytest.raises(ConfigError, match="no upper bound"):
            retriever.invoke("attack")

    def test_async(self, store: SpladeVectorStore) -> None:
        async def run() -> Any:
            (made,) = await store.aadd_documents([Document(page_content="an attack")])
            found = await store.asimilarity_search_with_score("attack", filter={"year": 2024})
            await store.adelete([made])
            return found, await store.aget_by_ids([made])

        assert asyncio.run(run()) == ([(DOCUMENTS[0], 2.0)], [])


class TestDeleting:
    def test_by_id_and_by_filter(self, store: SpladeVectorStore) -> None:
        assert store.delete(["heart", "nothing"]) is True
        assert store.delete(filter={"year": 2020}) is True
        assert [each.id for each in store.retriever.documents()] == ["blank"]

    def test_everything_is_not_deleted_by_mistake(self, store: SpladeVectorStore) -> None:
        with pytest.raises(InvalidInputError, match="exactly one"):
            store.delete()
        assert store.retriever.count() == 3


class TestMaking:
    def test_from_texts(self, make_retriever: MakeRetriever) -> None:
        store = SpladeVectorStore.from_texts(
            ["one", "two"],
            metadatas=[{"n": 1}, {"n": 2}],
            ids=["a", "b"],
            retriever=make_retriever(),
        )
        assert store.similarity_search("two") == [
            Document(id="b", page_content="two", metadata={"n": 2})
        ]

    @pytest.mark.real_model
    def test_from_texts_with_an_embedding_searches_by_both(self) -> None:
        store = SpladeVectorStore.from_texts(
            ["heart attack", "growing tomatoes"], DeterministicFakeEmbedding(size=4)
        )
        hits = store.retriever.search("heart")
        store.retriever.close()
        assert hits[0].text == "heart attack"
        assert set(hits[0].legs) == {"sparse", "dense"}

    def test_an_embedding_beside_a_retriever_is_refused(
        self, make_retriever: MakeRetriever
    ) -> None:
        with pytest.raises(ConfigError, match="DeterministicFakeEmbedding"):
            SpladeVectorStore.from_texts(
                ["one"], DeterministicFakeEmbedding(size=4), retriever=make_retriever()
            )

    def test_dates_come_back_as_iso_strings(self, make_retriever: MakeRetriever) -> None:
        store = SpladeVectorStore(make_retriever())
        moment = datetime(2024, 5, 1, tzinfo=timezone.utc)
        (made,) = store.add_texts(["a text"], [{"at": moment}])
        assert store.get_by_ids([made])[0].metadata == {"at": "2024-05-01T00:00:00+00:00"}
