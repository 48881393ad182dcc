"""Our vectors inside langchain-qdrant's own vector store."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("langchain_qdrant")

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import QdrantClient, models

from splade_integrations.langchain import SpladeSparseEmbeddings
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.types import SparseBatch, SparseVector
from tests.unit.fakes import WordEncoder

TEXTS = ["heart attack", "", "a heart and a heart"]


class TwoSided(WordEncoder):
    """Doubles the weights of queries, so that the sides can be told apart."""

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        made = super().encode_texts(texts, side=side, options=options)
        factor = 2 if side == "query" else 1
        return SparseBatch(made.indptr, made.indices, factor * made.values, made.dimensions)


def filled_store(client: QdrantClient, name: str, mode: RetrievalMode) -> QdrantVectorStore:
    client.create_collection(
        name,
        vectors_config={"": models.VectorParams(size=8, distance=models.Distance.COSINE)},
        sparse_vectors_config={"langchain-sparse": models.SparseVectorParams()},
    )
    return QdrantVectorStore(
        client,
        name,
        embedding=DeterministicFakeEmbedding(size=8),
        sparse_embedding=SpladeSparseEmbeddings(WordEncoder()),
        retrieval_mode=mode,
    )


def test_each_side_gives_its_own_vectors() -> None:
    encoder = TwoSided()
    embeddings = SpladeSparseEmbeddings(encoder)
    made = embeddings.embed_documents(TEXTS)
    wanted = encoder.encode_document(TEXTS)
    assert [dict(zip(each.indices, each.values, strict=True)) for each in made] == [
        each.to_dict() for each in wanted
    ]
    assert embeddings.embed_query("heart attack").values == [2.0, 2.0]


def test_an_empty_text_keeps_its_place() -> None:
    made = SpladeSparseEmbeddings(WordEncoder()).embed_documents(TEXTS)
    assert [len(each.indices) for each in made] == [2, 0, 3]


def test_async_gives_the_same() -> None:
    embeddings = SpladeSparseEmbeddings(WordEncoder())
    assert asyncio.run(embeddings.aembed_documents(TEXTS)) == embeddings.embed_documents(TEXTS)
    assert asyncio.run(embeddings.aembed_query("heart")) == embeddings.embed_query("heart")


@pytest.mark.real_model
def test_the_default_model_loads_at_first_use() -> None:
    embeddings = SpladeSparseEmbeddings()
    assert "encoder" not in vars(embeddings)
    vector = embeddings.embed_query("what is a sparse vector?")
    terms = embeddings.encoder.decode(
        SparseVector.from_dict(
            dict(zip(vector.indices, vector.values, strict=True)), embeddings.encoder.dimensions
        ),
        top_k=5,
    )
    assert "vector" in [term for term, _ in terms]


def test_sparse_search(qdrant_client: QdrantClient, collection_name: str) -> None:
    store = filled_store(qdrant_client, collection_name, RetrievalMode.SPARSE)
    store.sparse_embeddings.embed_query("")
    store.add_texts(TEXTS, metadatas=[{"n": n} for n in range(3)], ids=[1, 2, 3])
    found = store.similarity_search_with_score("a heart", k=3)
    # "a heart and a heart" has each word twice: 2 * 1 + 2 * 1; the empty text never matches.
    assert [(each.metadata["n"], score) for each, score in found] == [(2, 4.0), (0, 1.0)]


def test_hybrid_search_returns_as_many_as_asked_for(
    qdrant_client: QdrantClient, collection_name: str
) -> None:
    store = filled_store(qdrant_client, collection_name, RetrievalMode.HYBRID)
    documents = [Document(page_content=f"heart {n}", metadata={"n": n}) for n in range(60)]
    store.add_documents([*documents, Document(page_content="")], ids=list(range(61)))
    assert len(store.similarity_search("heart 7", k=50)) == 50
    (best,) = store.similarity_search("heart 7", k=1)
    assert best.metadata["n"] == 7


def test_async_search(qdrant_client: QdrantClient, collection_name: str) -> None:
    store = filled_store(qdrant_client, collection_name, RetrievalMode.SPARSE)

    async def add_and_search() -> list[Document]:
        await store.aadd_texts(TEXTS, ids=[1, 2, 3])
        return await store.asimilarity_search("attack", k=3)

    assert [each.page_content for each in asyncio.run(add_and_search())] == ["heart attack"]
