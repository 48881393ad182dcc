"""Our collection as a LlamaIndex retriever, inside its query engine."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("llama_index.vector_stores.qdrant")

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import (
    IndexNode,
    NodeRelationship,
    NodeWithScore,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from splade_integrations.llama_index import SpladeRetriever
from splade_sdk.errors import CollectionNotFoundError, ConfigError, InvalidDocumentError
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document as OurDocument
from tests.splade_integrations.conftest import MakeRetriever
from tests.unit.fakes import LetterEncoder, WordEncoder

NODES = [
    TextNode(
        id_=f"n{n}",
        text="attack " * (n + 1),
        metadata={"n": n, "tags": ["even" if n % 2 == 0 else "odd"]},
        excluded_embed_metadata_keys=["n", "tags"],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc{n // 3}")},
    )
    for n in range(6)
]


@pytest.fixture
def collection(make_retriever: MakeRetriever) -> Retriever:
    made = make_retriever()
    assert SpladeRetriever(made).add_nodes(NODES) == 6
    return made


def ids(found: list[NodeWithScore]) -> list[str]:
    return [each.node.node_id for each in found]


def one(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


class TestRetrieving:
    def test_nodes_come_back_whole(self, collection: Retriever) -> None:
        found = SpladeRetriever(collection, similarity_top_k=2).retrieve("attack")
        assert [(each.node, each.score) for each in found] == [(NODES[5], 6.0), (NODES[4], 5.0)]
        assert found[0].node.ref_doc_id == "doc1"

    async def test_async_gives_the_same(self, collection: Retriever) -> None:
        retriever = SpladeRetriever(collection)
        assert await retriever.aretrieve("attack") == retriever.retrieve("attack")

    def test_filters_and_threshold(self, collection: Retriever) -> None:
        odd = SpladeRetriever(collection, filters=one("tags", "odd", FilterOperator.CONTAINS))
        assert ids(odd.retrieve("attack")) == ["n5", "n3", "n1"]
        high = SpladeRetriever(collection, score_threshold=5.0)
        assert ids(high.retrieve("attack")) == ["n5", "n4"]

    def test_documents_stored_otherwise_are_text_nodes(self, collection: Retriever) -> None:
        collection.upsert([OurDocument("x", "another word", {"year": 2024})])
        (found,) = SpladeRetriever(collection).retrieve("another")
        assert found.node == TextNode(id_="x", text="another word", metadata={"year": 2024})

    def test_a_blank_query_finds_nothing(self, collection: Retriever) -> None:
        assert SpladeRetriever(collection).retrieve("") == []

    def test_a_collection_that_does_not_exist_is_an_error(
        self, make_retriever: MakeRetriever
    ) -> None:
        with pytest.raises(CollectionNotFoundError):
            SpladeRetriever(make_retriever()).retrieve("attack")

    def test_index_nodes_lead_on(self, make_retriever: MakeRetriever) -> None:
        class Elsewhere(BaseRetriever):
            def _retrieve(self, query_bundle: Any) -> list[NodeWithScore]:
                return [NodeWithScore(node=TextNode(id_="there", text="there"), score=1.0)]

        retriever = SpladeRetriever(make_retriever(), object_map={"it": Elsewhere()})
        retriever.add_nodes([IndexNode(text="attack", index_id="it")])
        assert ids(retriever.retrieve("attack")) == ["there"]

    def test_hybrid_search(self, make_retriever: MakeRetriever) -> None:
        made = make_retriever(WordEncoder(), dense_encoder=LetterEncoder())
        retriever = SpladeRetriever(made)
        retriever.add_nodes([TextNode(id_="a", text="oo"), TextNode(id_="b", text="ooo word")])
        # Both are near "o" for the letters; only one has the word.
        assert ids(retriever.retrieve("word o")) == ["b", "a"]
        assert ids(SpladeRetriever(made, mode="sparse").retrieve("word o")) == ["b"]


class TestStoring:
    def test_adding_again_does_not_duplicate(self, collection: Retriever) -> None:
        assert SpladeRetriever(collection).add_nodes(NODES[:2]) == 2
        assert collection.count() == 6

    async def test_adding_asynchronously(self, make_retriever: MakeRetriever) -> None:
        retriever = SpladeRetriever(make_retriever())
        assert (
            await retriever.aadd_nodes([TextNode(text=""), TextNode(id_="a", text="attack")]) == 2
        )
        assert ids(retriever.retrieve("attack")) == ["a"]

    def test_the_metadata_that_llamaindex_embeds_is_encoded(
        self, make_retriever: MakeRetriever
    ) -> None:
        retriever = SpladeRetriever(make_retriever())
        hidden = TextNode(
            text="text", metadata={"title": "secret"}, excluded_embed_metadata_keys=["title"]
        )
        shown = TextNode(text="text", metadata={"title": "heart"})
        retriever.add_nodes([hidden, shown])
        assert ids(retriever.retrieve("heart")) == [shown.node_id]
        assert retriever.retrieve("secret") == []
        assert retriever.retrieve("heart")[0].node == shown

    async def test_deleting_asynchronously(self, collection: Retriever) -> None:
        retriever = SpladeRetriever(collection)
        await retriever.adelete_nodes(["n5"])
        await retriever.adelete_ref_doc("doc0")
        assert ids(retriever.retrieve("attack")) == ["n4", "n3"]

    def test_deleting(self, collection: Retriever) -> None:
        retriever = SpladeRetriever(collection)
        retriever.delete_nodes(["n5", "nothing"])
        retriever.delete_ref_doc("doc0")
        assert ids(retriever.retrieve("attack")) == ["n4", "n3"]

    def test_metadata_that_json_cannot_hold_is_refused(self, collection: Retriever) -> None:
        with pytest.raises(InvalidDocumentError, match="too_large"):
            SpladeRetriever(collection).add_nodes(
                [TextNode(text="x", metadata={"too_large": 2**80})]
            )


class TestOverAnAsyncRetriever:
    async def test_everything_is_awaited(self, make_async_retriever: MakeRetriever) -> None:
        retriever = SpladeRetriever(make_async_retriever(), similarity_top_k=3)
        assert await retriever.aadd_nodes(NODES) == 6
        assert await retriever.aadd_nodes(NODES[:2]) == 2
        await retriever.adelete_nodes(["n5", "nothing"])
        found = await retriever.aretrieve("attack")
        assert [(each.node, each.score) for each in found[:1]] == [(NODES[4], 5.0)]
        assert ids(found) == ["n4", "n3", "n2"]
        await retriever.adelete_ref_doc("doc1")
        assert ids(await retriever.aretrieve("attack")) == ["n2", "n1", "n0"]

    async def test_what_is_not_awaited_is_refused(self) -> None:
        retriever = SpladeRetriever(AsyncRetriever(":memory:"))
        for call in (
            lambda: retriever.retrieve("attack"),
            lambda: retriever.add_nodes(NODES),
            lambda: retriever.delete_nodes(["n1"]),
            lambda: retriever.delete_ref_doc("doc1"),
        ):
            with pytest.raises(ConfigError, match="only calls that are awaited"):
                call()


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (one("n", 2), ["n2"]),
        (one("n", 2, FilterOperator.NE), ["n5", "n4", "n3", "n1", "n0"]),
        (one("n", 4, FilterOperator.GTE), ["n5", "n4"]),
        (one("n", 1, FilterOperator.LT), ["n0"]),
        (one("n", [1, 2], FilterOperator.IN), ["n2", "n1"]),
        (one("n", [0, 1, 2, 3], FilterOperator.NIN), ["n5", "n4"]),
        (one("tags", ["even", "odd"], FilterOperator.ALL), []),
        (one("tags", ["even"], FilterOperator.ANY), ["n4", "n2", "n0"]),
        (one("gone", None, FilterOperator.IS_EMPTY), ["n5", "n4", "n3", "n2", "n1", "n0"]),
        (
            MetadataFilters(
                filters=[one("n", 5), one("n", 0)], condition=FilterCondition.OR
            ),
            ["n5", "n0"],
        ),
        (
            MetadataFilters(filters=one("n", 5).filters, condition=FilterCondition.NOT),
            ["n4", "n3", "n2", "n1", "n0"],
        ),
    ],
)  # fmt: skip
def test_filters_of_llamaindex(
    collection: Retriever, filters: MetadataFilters, wanted: list[str]
) -> None:
    assert ids(SpladeRetriever(collection, filters=filters).retrieve("attack")) == wanted


def test_it_is_part_of_a_query_engine(collection: Retriever) -> None:
    engine = RetrieverQueryEngine(
        SpladeRetriever(collection, similarity_top_k=2),
        get_response_synthesizer(llm=MockLLM()),
    )
    response = engine.query("attack")
    assert ids(response.source_nodes) == ["n5", "n4"]
    # The mock answers with its prompt, which has the nodes' text.
    assert "attack attack attack attack attack attack" in str(response)
