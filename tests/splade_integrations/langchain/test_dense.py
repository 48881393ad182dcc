"""Dense vectors between LangChain and our encoders."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_qdrant")

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import QdrantClient, models

from splade_integrations.langchain import (
    EmbeddingsEncoder,
    SpladeDenseEmbeddings,
    SpladeSparseEmbeddings,
)
from splade_sdk.errors import ConfigError
from splade_sdk.retrieval.search.fusion import Weighted
from splade_sdk.types import Document
from tests.splade_integrations.conftest import MakeRetriever
from tests.unit.fakes import HybridEncoder, WordEncoder, letters


class TwoSided(Embeddings):
    """Letters of documents; queries count twice."""

    model = "two-sided"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [letters(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [2 * each for each in letters(text)]


def test_each_side_is_embedded_by_its_own_method() -> None:
    encoder = EmbeddingsEncoder(TwoSided())
    assert encoder.encode(["aeo", "e"]).tolist() == [letters("aeo"), letters("e")]
    assert encoder.encode_query(["e"]).tolist() == [[0.0, 2.0, 0.0, 0.0]]
    assert encoder.encode(["e"]).dtype == np.float32


def test_its_name_is_that_of_the_model() -> None:
    class Nameless(TwoSided):
        model = None  # type: ignore[assignment]

    assert EmbeddingsEncoder(TwoSided()).model_name == "two-sided"
    assert EmbeddingsEncoder(Nameless()).model_name == "Nameless"


def test_a_retriever_searches_by_langchains_embeddings(make_retriever: MakeRetriever) -> None:
    retriever = make_retriever(WordEncoder(), dense_encoder=EmbeddingsEncoder(TwoSided()))
    retriever.upsert([Document("words", "e x i"), Document("letters", "eee")])
    hits = retriever.search("e", fusion=Weighted(alpha=1.0))
    assert [hit.id for hit in hits] == ["letters", "words"]
    assert [hit.legs["dense"].rank for hit in hits] == [1, 2]


def test_one_model_serves_both_sides_of_langchains_store(
    qdrant_client: QdrantClient, collection_name: str
) -> None:
    encoder = HybridEncoder()
    qdrant_client.create_collection(
        collection_name,
        vectors_config={"": models.VectorParams(size=4, distance=models.Distance.COSINE)},
        sparse_vectors_config={"langchain-sparse": models.SparseVectorParams()},
    )
    store = QdrantVectorStore(
        qdrant_client,
        collection_name,
        embedding=SpladeDenseEmbeddings(encoder),
        sparse_embedding=SpladeSparseEmbeddings(encoder),
        retrieval_mode=RetrievalMode.HYBRID,
    )
    store.add_texts(["e x", "ooo", "aaa"], ids=[1, 2, 3])
    assert [each.page_content for each in store.similarity_search("e", k=1)] == ["e x"]


def test_a_model_without_a_dense_head_is_refused() -> None:
    with pytest.raises(ConfigError, match="WordEncoder has no dense head"):
        SpladeDenseEmbeddings(WordEncoder())  # type: ignore[arg-type]
