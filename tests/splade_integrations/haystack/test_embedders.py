"""The sparse embedders, alone and with Haystack's own Qdrant store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack")
pytest.importorskip("haystack_integrations")

from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.core.errors import DeserializationError, SerializationError
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import Secret
from haystack_integrations.components.retrievers.qdrant import QdrantSparseEmbeddingRetriever
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore

from splade_integrations.haystack import SpladeSparseDocumentEmbedder, SpladeSparseTextEmbedder
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.splade import SpladeEncoder
from splade_sdk.errors import InvalidTypeError
from splade_sdk.types import SparseBatch
from tests.unit.encoders.tiny import save_masked_lm
from tests.unit.fakes import WordEncoder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_masked_lm("bert", tmp_path_factory.mktemp("bert")))


def as_dict(embedding: SparseEmbedding | None) -> dict[int, float]:
    assert embedding is not None
    return dict(zip(embedding.indices, embedding.values, strict=True))


class TestDocuments:
    def test_each_gets_its_vector_and_an_empty_one_keeps_its_place(self) -> None:
        encoder = WordEncoder()
        documents = [Document(content=text) for text in ("heart attack", "", "a heart")]
        made = SpladeSparseDocumentEmbedder(encoder).run([*documents, Document(content=None)])
        wanted = encoder.encode_document(["heart attack", "", "a heart", ""])
        assert [as_dict(each.sparse_embedding) for each in made["documents"]] == [
            vector.to_dict() for vector in wanted
        ]

    def test_what_comes_in_is_left_as_it_is(self) -> None:
        given = Document(content="heart", meta={"year": 2024})
        (made,) = SpladeSparseDocumentEmbedder(WordEncoder()).run([given])["documents"]
        assert given.sparse_embedding is None
        assert (made.id, made.content, made.meta) == (given.id, given.content, given.meta)

    def test_metadata_is_encoded_where_asked_for(self) -> None:
        encoder = WordEncoder()
        embedder = SpladeSparseDocumentEmbedder(
            encoder, meta_fields_to_embed=["title", "year", "gone"], embedding_separator=" | "
        )
        embedder.run([Document(content="text", meta={"title": "a title", "year": 2024})])
        assert encoder.calls == [["a title | 2024 | text"]]

    def test_a_string_is_refused(self) -> None:
        with pytest.raises(InvalidTypeError, match="SpladeSparseTextEmbedder"):
            SpladeSparseDocumentEmbedder(WordEncoder()).run("heart")  # type: ignore[arg-type]

    def test_no_documents_are_fine(self) -> None:
        assert SpladeSparseDocumentEmbedder(WordEncoder()).run([]) == {"documents": []}

    def test_async(self) -> None:
        embedder = SpladeSparseDocumentEmbedder(WordEncoder())
        given = [Document(content="heart")]
        assert asyncio.run(embedder.run_async(given)) == embedder.run(given)


class TestTexts:
    def test_queries_are_encoded_by_their_own_side(self) -> None:
        class TwoSided(WordEncoder):
            def encode_texts(
                self, texts: list[str], *, side: SideName, options: EncodeOptions
            ) -> SparseBatch:
                made = super().encode_texts(texts, side=side, options=options)
                factor = 2 if side == "query" else 1
                return SparseBatch(made.indptr, made.indices, factor * made.values, made.dimensions)

        made = SpladeSparseTextEmbedder(TwoSided()).run("heart attack")["sparse_embedding"]
        assert made.values == [2.0, 2.0]

    def test_an_empty_query_gives_an_empty_vector(self) -> None:
        made = SpladeSparseTextEmbedder(WordEncoder()).run("")["sparse_embedding"]
        assert made == SparseEmbedding(indices=[], values=[])

    def test_async(self) -> None:
        embedder = SpladeSparseTextEmbedder(WordEncoder())
        assert asyncio.run(embedder.run_async("heart")) == embedder.run("heart")


class TestModels:
    def test_a_model_loads_at_warm_up_and_is_shared(
        self, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[Any] = []

        def load(self: SpladeEncoder, model: Any = None, **options: Any) -> None:
            loaded.append((model, options))

        monkeypatch.setattr(SpladeEncoder, "__init__", load)
        first = SpladeSparseTextEmbedder(folder, encoder_options={"max_length": 17})
        second = SpladeSparseDocumentEmbedder(folder, encoder_options={"max_length": 17})
        third = SpladeSparseTextEmbedder(folder, encoder_options={"max_length": 18})
        assert loaded == []
        for _ in range(2):
            for each in (first, second, third):
                each.warm_up()
        assert loaded == [(folder, {"max_length": 17}), (folder, {"max_length": 18})]

    def test_a_component_survives_a_pipelines_file(self, folder: str) -> None:
        pipeline = Pipeline()
        query = SpladeSparseTextEmbedder(folder, encoder_options={"device": "cpu"})
        documents = SpladeSparseDocumentEmbedder(
            folder,
            encoder_options={"device": "cpu", "max_active_dims": 3},
            batch_size=2,
            meta_fields_to_embed=["title"],
            embedding_separator=" ",
        )
        pipeline.add_component("query", query)
        pipeline.add_component("documents", documents)
        dumped = pipeline.dumps()
        with pytest.raises(DeserializationError, match="splade_integrations"):
            Pipeline.loads(dumped)
        again = Pipeline.loads(dumped, allowed_modules=["splade_integrations.*"])
        assert again.dumps() == dumped
        given = {"query": {"text": "heart"}, "documents": {"documents": [Document(content="x")]}}
        assert again.run(given) == pipeline.run(given)
        (made,) = again.run(given)["documents"]["documents"]
        assert len(made.sparse_embedding.indices) <= 3

    def test_an_encoder_object_cannot_be_written_down(self) -> None:
        with pytest.raises(SerializationError, match="WordEncoder object"):
            SpladeSparseTextEmbedder(WordEncoder()).to_dict()
        with pytest.raises(SerializationError, match="WordEncoder object"):
            SpladeSparseDocumentEmbedder(WordEncoder()).to_dict()


@pytest.fixture
def qdrant_store(server_url: str | None, collection_name: str) -> Iterator[QdrantDocumentStore]:
    place: dict[str, Any] = {"location": ":memory:"}
    if server_url:
        key = os.environ.get("QDRANT_API_KEY")
        place = {"url": server_url, "api_key": Secret.from_token(key) if key else None}
    store = QdrantDocumentStore(
        **place, index=collection_name, embedding_dim=4, use_sparse_embeddings=True,
        progress_bar=False,
    )  # fmt: skip
    yield store
    store.close()


def test_with_haystacks_qdrant_store(
    qdrant_store: QdrantDocumentStore, server_url: str | None
) -> None:
    writing = Pipeline()
    writing.add_component("embedder", SpladeSparseDocumentEmbedder(WordEncoder()))
    writing.add_component("writer", DocumentWriter(qdrant_store, DuplicatePolicy.OVERWRITE))
    writing.connect("embedder.documents", "writer.documents")
    texts = ["heart attack", "", "a heart and a heart"]
    documents = [Document(content=text, meta={"n": n}) for n, text in enumerate(texts)]
    for _ in range(2):
        assert writing.run({"embedder": {"documents": documents}}) == {
            "writer": {"documents_written": 3}
        }
    assert qdrant_store.count_documents() == 3

    searching = Pipeline()
    searching.add_component("embedder", SpladeSparseTextEmbedder(WordEncoder()))
    searching.add_component("retriever", QdrantSparseEmbeddingRetriever(qdrant_store, top_k=3))
    searching.connect("embedder.sparse_embedding", "retriever.query_sparse_embedding")
    found = searching.run({"embedder": {"text": "a heart"}})["retriever"]["documents"]
    assert [(each.meta["n"], each.score) for each in found] == [(2, 4.0), (0, 1.0)]
    if server_url is None:
        return  # its asynchronous client would have a memory of its own
    again = asyncio.run(searching.run_async({"embedder": {"text": "a heart"}}))
    assert [each.meta["n"] for each in again["retriever"]["documents"]] == [2, 0]


@pytest.mark.real_model
def test_the_default_model(tmp_path: Path) -> None:
    made = SpladeSparseTextEmbedder().run("what is a sparse vector?")["sparse_embedding"]
    assert made.indices == SpladeEncoder().encode_query("what is a sparse vector?").indices.tolist()
