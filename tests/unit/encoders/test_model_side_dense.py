"""Dense vectors from the pass that gives the sparse ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from splade_sdk import Document, Retriever, SpladeEncoder
from splade_sdk.encoders.checkpoint import OWN_CONFIG
from splade_sdk.encoders.model_side import mean_pooled, unit_rows
from splade_sdk.errors import ConfigError, ModelFormatError
from splade_sdk.types import HybridBatch, HybridVector
from tests.unit.encoders.tiny import TEXTS

FolderOf = Callable[[str], Path]


def with_dense(folder: Path, copy: Path, dense: object = None) -> Path:
    """Copy a model, and let it say that it has a dense head."""
    SpladeEncoder(folder, device="cpu").save_pretrained(copy)
    named = {"dense": dense or {"pooling": "mean", "normalize": True}}
    (copy / OWN_CONFIG).write_text(json.dumps(named))
    return copy


@pytest.fixture
def folder(bert_folder: Path, tmp_path: Path) -> Path:
    return with_dense(bert_folder, tmp_path / "dense")


def textbook(folder: Path, encoder: SpladeEncoder, text: str) -> torch.Tensor:
    inputs = encoder.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        mean = AutoModel.from_pretrained(folder)(**inputs).last_hidden_state[0].mean(dim=0)
    return mean / mean.norm()


def test_the_mean_is_over_real_tokens_and_has_length_1() -> None:
    states = torch.tensor([[[3.0, 0.0], [0.0, 4.0], [9.0, 9.0]], [[0.0, 2.0], [5.0, 5.0], [7, 7]]])

    pooled = mean_pooled(states, [2, 1])

    # (3, 4) / 2 has the direction (0.6, 0.8); what stands behind the lengths is padding.
    assert torch.allclose(pooled, torch.tensor([[0.6, 0.8], [0.0, 1.0]]))


def test_rows_of_zeros_stay() -> None:
    assert unit_rows(np.array([[0.0, 0.0], [0.0, 5.0]], np.float32)).tolist() == [[0, 0], [0, 1]]


def test_one_pass_gives_both(folder: Path) -> None:
    encoder = SpladeEncoder(folder, device="cpu")
    both = encoder.encode(TEXTS, dense=True)

    assert isinstance(both, HybridBatch)
    assert encoder.dense_dimensions == both.dense.shape[1]
    assert both.sparse == encoder.encode(TEXTS)
    expected = torch.stack([textbook(folder, encoder, text) for text in TEXTS]).numpy()
    assert both.dense.dtype == np.float32
    np.testing.assert_allclose(both.dense, expected, atol=1e-5)


def test_a_string_gives_one_of_each(folder: Path) -> None:
    encoder = SpladeEncoder(folder, device="cpu")
    one = encoder.encode_query(TEXTS[0], dense=True)

    assert isinstance(one, HybridVector)
    assert one.sparse == encoder.encode_query(TEXTS[0])
    np.testing.assert_allclose(one.dense, encoder.encode([TEXTS[0]], dense=True).dense[0])


def test_blank_texts_have_neither(folder: Path) -> None:
    both = SpladeEncoder(folder, device="cpu").encode(["", TEXTS[0], " "], dense=True)

    assert [len(vector) for vector in both.sparse][::2] == [0, 0]
    assert np.linalg.norm(both.dense, axis=1) == pytest.approx([0, 1, 0])


def test_no_texts_give_no_rows(folder: Path) -> None:
    encoder = SpladeEncoder(folder, device="cpu")
    both = encoder.encode([], dense=True)

    assert both.dense.shape == (0, encoder.dense_dimensions)
    assert len(both.sparse) == 0


def test_windows_count_as_their_tokens_together(folder: Path) -> None:
    encoder = SpladeEncoder(
        folder, device="cpu", max_length=8, long_documents="windows", window_overlap=0
    )
    text = " ".join(TEXTS[:3])
    ids = encoder._document.text_tokenizer.pieces([text]).ids
    assert len(ids) > 1
    model = AutoModel.from_pretrained(folder)
    with torch.inference_mode():
        total = sum(model(torch.tensor([each])).last_hidden_state[0].sum(dim=0) for each in ids)
    expected = (total / total.norm()).numpy()

    np.testing.assert_allclose(encoder.encode(text, dense=True).dense, expected, atol=1e-5)


def test_a_model_without_dense_head_says_so(encoder: SpladeEncoder) -> None:
    assert encoder.dense_dimensions is None
    with pytest.raises(ConfigError, match="has no dense head"):
        encoder.encode(TEXTS, dense=True)


def test_queries_without_a_model_have_no_dense_vector(folder: Path) -> None:
    encoder = SpladeEncoder(folder, device="cpu", query_token_weights="ones")

    assert encoder.dense_dimensions is None
    with pytest.raises(ConfigError, match="has no dense head"):
        encoder.encode_query(TEXTS, dense=True)


def test_it_is_saved_with_the_model(folder: Path, tmp_path: Path) -> None:
    encoder = SpladeEncoder(folder, device="cpu")
    encoder.save_pretrained(tmp_path / "again")

    again = SpladeEncoder(tmp_path / "again", device="cpu").encode(TEXTS, dense=True)
    np.testing.assert_array_equal(again.dense, encoder.encode(TEXTS, dense=True).dense)


def test_an_unknown_kind_is_refused(bert_folder: Path, tmp_path: Path) -> None:
    folder = with_dense(bert_folder, tmp_path / "other", {"pooling": "cls", "normalize": True})
    with pytest.raises(ModelFormatError, match="'pooling': 'cls'"):
        SpladeEncoder(folder)


def test_a_retriever_gets_both_vectors_from_it(folder: Path) -> None:
    pytest.importorskip("qdrant_edge")
    encoder = SpladeEncoder(folder, device="cpu")
    with Retriever(":memory:", encoder=encoder) as retriever:
        retriever.upsert([Document(f"d{n}", text) for n, text in enumerate([*TEXTS, ""])])
        query = encoder.encode_query(TEXTS[0], dense=True)
        hits = retriever.search(TEXTS[0], limit=50)
        assert hits == retriever.search(query, limit=50)
        [dense] = [hit.legs["dense"] for hit in hits if hit.id == "d0"]
        assert (dense.rank, dense.score) == (1, pytest.approx(1.0, abs=1e-5))
        assert f"d{len(TEXTS)}" not in {hit.id for hit in hits}
        assert retriever.upsert([Document("d0", TEXTS[0])]).skipped == 1
