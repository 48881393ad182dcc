"""The model card says what was trained, from what and how well, and no more."""

from __future__ import annotations

import yaml

from splade_sdk.training.card import write_card
from tests.unit.training import tiny_training as tiny

LOG = [
    {"step": 5.0, "loss": 3.0, "query_active_dims": 9.0, "document_active_dims": 50.0},
    {"step": 10.0, "loss": 1.25, "query_active_dims": 7.5, "document_active_dims": 41.0},
    {"step": 10.0, "eval_ndcg@10": 0.75, "eval_flops": 1.5},
]


def card(tmp_path, **sections):
    config = tiny.config(tmp_path, **sections)
    text = write_card(tmp_path, config, LOG, examples=1234).read_text()
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body


def test_tells_model_results_data_and_settings(tmp_path):
    header, body = card(tmp_path, losses=[{"name": "kl"}, {"name": "margin_mse", "weight": 0.05}])

    assert header["base_model"] == "base"
    assert "sentence-transformers" in header["tags"]
    for line in (
        "Expands queries and documents over the vocabulary of `base`, with max pooling.",
        "| loss | 1.25 |",
        "| active terms a query | 7.5 |",
        "| active terms a document | 41 |",
        "| FLOPS on the development set | 1.5 |",
        "| nDCG@10 on the development set | 0.75 |",
        "- 1,234 examples; kl x 1, margin_mse x 0.05",
        "- sparsity: query flops at 0.0001, document flops at 0.0001",
        "- batch of 16 x 1, learning rate 0.005, seed 0",
        "- `data.jsonl`, weight 1",
    ):
        assert line in body.splitlines()
    assert "dense" not in body
    assert str(tmp_path) not in body  # it is passed on


def test_tells_of_dense_vectors_teachers_and_targets(tmp_path):
    _, body = card(
        tmp_path,
        dense_losses=[{"name": "infonce", "weight": 2.0}],
        vector_distillation={"teacher": str(tmp_path / "large"), "weight": 0.5},
        dense_distillation={"teacher": str(tmp_path / "sentences"), "weight": 3},
        sparsity={"target_active_dims": [8, 40], "document": {"name": "df_flops"}},
    )

    assert 'encoder.encode(["a text"], dense=True)' in body
    assert (
        "infonce x 1; dense vectors by infonce x 2; term weights of `large` x 0.5; "
        "dense vectors of `sentences` x 3"
    ) in body
    assert (
        "target of 8 active terms a query and 40 a document, by query flops, document df_flops"
        in body
    )


def test_a_name_is_kept_whole_and_document_only_expansion_told(tmp_path):
    header, body = card(
        tmp_path,
        model={"base": "someone/some-model", "query_expansion": False},
        sparsity={"query": None, "document": None},
    )

    assert header["base_model"] == "someone/some-model"
    assert "Expands documents only (SPLADE-doc)" in body
    assert "- sparsity: no regularizer" in body
