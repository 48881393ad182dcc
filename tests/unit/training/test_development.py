from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from splade_sdk.datasets.beir import load_dataset
from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.errors import ConfigError
from splade_sdk.training.config import EvaluationConfig, ModelConfig
from splade_sdk.training.development import DevelopmentEvaluation, sample_collection
from splade_sdk.training.model import SpladeModel
from splade_sdk.training.progress import progress_line
from tests.unit.training import tiny_training as tiny


@pytest.fixture
def collection(tmp_path):
    return tiny.write_collection(tmp_path / "dev")


class TestSampleCollection:
    def test_relevant_documents_come_first_and_others_fill_up(self, collection):
        part = sample_collection(load_dataset(collection), max_queries=3, max_documents=10)

        relevant = {document for judged in part.qrels.values() for document in judged}
        kept = [document.id for document in part.corpus()]
        assert len(part.queries) == len(part.qrels) == 3
        assert len(relevant) == 6
        assert relevant < set(kept)
        assert len(kept) == len(set(kept)) == 10

    def test_is_the_same_each_time(self, collection):
        first, second = (
            sample_collection(load_dataset(collection), max_queries=5, max_documents=20)
            for _ in range(2)
        )

        assert first == second

    def test_a_small_collection_is_taken_whole(self, collection):
        whole = load_dataset(collection)

        part = sample_collection(whole, max_queries=1000, max_documents=1000)

        assert dict(part.qrels) == dict(whole.qrels)
        assert list(part.corpus()) == list(whole.corpus())

    def test_queries_whose_documents_do_not_fit_are_left_out(self, collection):
        part = sample_collection(load_dataset(collection), max_queries=10, max_documents=5)

        assert len(part.qrels) == 2  # two documents each

    def test_no_query_fits(self, collection):
        with pytest.raises(ConfigError, match="fits into max_documents, 1: raise it"):
            sample_collection(load_dataset(collection), max_queries=10, max_documents=1)


@pytest.fixture
def measured(collection, tmp_path):
    """A DevelopmentEvaluation every 10 steps, its model, and the list it logs into."""
    base = tiny.save_base(tmp_path / "base")
    model = SpladeModel(load_masked_lm(base, dtype=torch.float32).train()).train()
    logged: list[dict[str, float]] = []
    evaluation = DevelopmentEvaluation(
        EvaluationConfig(path=Path(collection), every_steps=10),
        model,
        tiny.tokenizer(),
        ModelConfig(base=str(base), max_document_tokens=16),
        log=logged.append,
    )
    return evaluation, model, logged


def step(evaluation, number, *, is_world_process_zero=True):
    state = SimpleNamespace(
        global_step=number, max_steps=25, is_world_process_zero=is_world_process_zero
    )
    control = SimpleNamespace(should_log=True)
    evaluation.on_step_end(None, state, control)
    return control


def test_measures_every_so_many_steps_and_at_the_end(measured):
    evaluation, _, logged = measured

    for number in range(1, 26):
        assert step(evaluation, number).should_log

    assert len(logged) == 3  # steps 10, 20 and 25
    assert logged[0].keys() == {
        "eval_ndcg@10",
        "eval_query_active_dims",
        "eval_document_active_dims",
        "eval_flops",
    }
    assert 0.1 < logged[0]["eval_ndcg@10"] < 1


def test_other_ranks_do_not_measure(measured):
    evaluation, _, logged = measured

    step(evaluation, 10, is_world_process_zero=False)

    assert logged == []


def test_leaves_random_numbers_weights_and_mode_as_they_are(measured):
    evaluation, model, _ = measured
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global generator is what is tested
    torch.manual_seed(1)
    before = [parameter.clone() for parameter in model.parameters()]
    expected = random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)

    step(evaluation, 10)

    assert (random.random(), np.random.rand(), torch.rand(1)) == expected  # noqa: NPY002
    assert all(map(torch.equal, before, model.parameters()))
    assert all(module.training for module in model.modules())


def test_progress_line():
    line = progress_line(
        {
            "loss": 1.5,
            "ranking_loss": 1.25,
            "sparsity_loss": 0.25,
            "query_active_dims": 21.4,
            "document_active_dims": 130.6,
            "learning_rate": 1e-5,
        }
    )
    assert line == (
        "loss 1.5 (ranking 1.25, sparsity 0.25), active terms 21 a query, 131 a document"
    )
    assert progress_line({"eval_flops": 1.234, "eval_ndcg@10": 0.5}) == "FLOPS 1.23, nDCG@10 0.5000"
    assert progress_line({"train_runtime": 3.0}) == ""
