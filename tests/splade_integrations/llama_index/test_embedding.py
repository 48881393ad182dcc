"""An encoder as LlamaIndex's sparse embedding."""

from __future__ import annotations

import pytest

pytest.importorskip("llama_index.vector_stores.qdrant")

from splade_integrations.llama_index import SpladeSparseEmbedding
from tests.unit.fakes import WordEncoder

TEXTS = ["heart attack", "", "a heart and a heart"]


def test_vectors_are_the_encoders() -> None:
    encoder = WordEncoder()
    embedding = SpladeSparseEmbedding(encoder, embed_batch_size=2)
    wanted = [vector.to_dict() for vector in encoder.encode_document(TEXTS)]
    encoder.calls.clear()
    assert embedding.get_text_embedding_batch(TEXTS) == wanted
    assert [len(call) for call in encoder.calls] == [2, 1]
    assert embedding.get_text_embedding("heart attack") == wanted[0]
    assert embedding.get_query_embedding("heart attack") == wanted[0]
    assert wanted[1] == {}


async def test_async_gives_the_same() -> None:
    embedding = SpladeSparseEmbedding(WordEncoder())
    wanted = embedding.get_text_embedding_batch(TEXTS)
    assert await embedding.aget_text_embedding_batch(TEXTS) == wanted
    assert await embedding.aget_text_embedding("heart attack") == wanted[0]
    assert await embedding.aget_query_embedding("heart attack") == wanted[0]


def test_what_it_tells_of_itself() -> None:
    shown = SpladeSparseEmbedding(WordEncoder("my-model")).model_dump()
    assert shown["class_name"] == "SpladeSparseEmbedding"
    assert shown["model_name"] == "my-model"
    assert shown["embed_batch_size"] == 32


@pytest.mark.real_model
def test_the_default_model_loads_at_first_use() -> None:
    assert len(SpladeSparseEmbedding().get_query_embedding("what is a sparse vector?")) > 3
