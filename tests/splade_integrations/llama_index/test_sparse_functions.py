"""Our vectors inside LlamaIndex's own Qdrant store."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("llama_index.vector_stores.qdrant")

from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

from splade_integrations.llama_index import sparse_doc_fn, sparse_query_fn
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.types import SparseBatch
from tests.unit.fakes import WordEncoder

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local")

TEXTS = ["heart attack", "", "a heart and a heart"]


class TwoSided(WordEncoder):
    """Doubles the weights of queries, so that the sides can be told apart."""

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        made = super().encode_texts(texts, side=side, options=options)
        factor = 2 if side == "query" else 1
        return SparseBatch(made.indptr, made.indices, factor * made.values, made.dimensions)


def test_each_side_gives_its_own_vectors_and_an_empty_text_keeps_its_place() -> None:
    encoder = TwoSided()
    wanted = encoder.encode_document(TEXTS)
    indices, values = sparse_doc_fn(encoder)(TEXTS)
    assert indices == [vector.indices.tolist() for vector in wanted]
    assert values == [vector.values.tolist() for vector in wanted]
    assert [len(each) for each in values] == [2, 0, 3]
    assert sparse_query_fn(encoder)(["heart attack"])[1] == [[2.0, 2.0]]


def test_no_texts_are_fine() -> None:
    assert sparse_doc_fn(WordEncoder())([]) == ([], [])


@pytest.mark.real_model
def test_the_default_model_loads_at_first_use() -> None:
    indices, values = sparse_query_fn()(["what is a sparse vector?"])
    assert len(indices[0]) == len(values[0]) > 3


def nodes(count: int) -> list[TextNode]:
    texts = ["", *(f"heart {n}" for n in range(count))]
    return [TextNode(text=text, metadata={"n": n}) for n, text in enumerate(texts, start=-1)]


def test_sparse_and_hybrid_search(qdrant_client: QdrantClient, collection_name: str) -> None:
    store = QdrantVectorStore(
        collection_name,
        client=qdrant_client,
        enable_hybrid=True,
        sparse_doc_fn=sparse_doc_fn(WordEncoder()),
        sparse_query_fn=sparse_query_fn(WordEncoder()),
    )
    storage = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex(nodes(60), storage_context=storage, embed_model=MockEmbedding(4))
    sparse = index.as_retriever(vector_store_query_mode=VectorStoreQueryMode.SPARSE, sparse_top_k=3)
    found = sparse.retrieve("heart 7")
    # LlamaIndex embeds the metadata too: "n: 7", a blank line, "heart 7" has 7 twice.
    assert [(each.node.metadata["n"], each.score) for each in found[:1]] == [(7, 3.0)]
    hybrid = index.as_retriever(
        vector_store_query_mode=VectorStoreQueryMode.HYBRID, similarity_top_k=50, sparse_top_k=50
    )
    assert len(hybrid.retrieve("heart 7")) == 50


async def test_async_search(server_url: str | None, collection_name: str) -> None:
    if server_url is None:
        aclient = AsyncQdrantClient(":memory:")
    else:
        key = os.environ.get("QDRANT_API_KEY")
        aclient = AsyncQdrantClient(server_url, api_key=key, check_compatibility=False)
    store = QdrantVectorStore(
        collection_name,
        aclient=aclient,
        enable_hybrid=True,
        sparse_doc_fn=sparse_doc_fn(WordEncoder()),
        sparse_query_fn=sparse_query_fn(WordEncoder()),
    )
    given = [node.model_copy(update={"embedding": [1.0, 0.0]}) for node in nodes(3)]
    await store.async_add(given)
    index = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(2))
    sparse = index.as_retriever(vector_store_query_mode=VectorStoreQueryMode.SPARSE, sparse_top_k=1)
    (found,) = await sparse.aretrieve("heart 2")
    assert found.node.metadata["n"] == 2
    await aclient.close()
