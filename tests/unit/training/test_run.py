"""Real trainings of tiny models, each in seconds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.errors import (
    CollapseError,
    TrainingError,
)
from splade_sdk.training.log import read_log
from splade_sdk.training.run import train
from tests.unit.training import tiny_training as tiny


@pytest.fixture
def development(tmp_path):
    return {"path": str(tiny.write_collection(tmp_path / "dev")), "every_steps": 1000}


def log_of(config):
    return read_log(config.output_dir / "log.csv")


def last(config, key):
    return next(row[key] for row in reversed(log_of(config)) if key in row)


def mean_of_last(config, key, rows):
    values = [row[key] for row in log_of(config) if key in row]
    return float(np.mean(values[-rows:]))


class TestRunFolder:
    def test_ranking_improves_and_everything_is_there(self, tmp_path, development):
        config = tiny.config(tmp_path, evaluation=development | {"every_steps": 20})

        folder = train(config)

        log = log_of(config)
        measured = [row["eval_ndcg@10"] for row in log if "eval_ndcg@10" in row]
        before = _ndcg(tmp_path / "base", development)
        assert before < 0.7
        assert len(measured) == 3
        assert measured[-1] > 0.9
        losses = [row["loss"] for row in log if "loss" in row]
        assert len(losses) == 60 // config.log_every_steps
        assert losses[-1] < 0.6 * losses[0]
        run = config.output_dir
        assert {path.name for path in run.iterdir()} == {
            "checkpoint-60",
            "config.json",
            "data.json",
            "log.csv",
            "model",
            "plots",
            "tensorboard",
        }
        assert {path.name for path in (run / "plots").iterdir()} == {
            "active_dims.png",
            "loss.png",
            "ndcg.png",
            "strength.png",
        }
        assert list((run / "tensorboard").glob("events*"))
        assert json.loads((run / "config.json").read_text())["seed"] == 0
        card = (folder / "README.md").read_text()
        assert f"| nDCG@10 on the development set | {measured[-1]:.4g} |" in card
        # What was measured last is what was saved.
        assert _ndcg(folder, development) == pytest.approx(measured[-1])

    def test_a_dense_head_is_trained_along(self, tmp_path):
        losses = [{"name": "infonce", "options": {"temperature": 0.1}}]
        config = tiny.config(tmp_path, dense_losses=losses, optimizer={"max_steps": 120})

        encoder = SpladeEncoder(train(config))

        measured = [row["dense_loss"] for row in log_of(config) if "dense_loss" in row]
        assert measured[-1] < 0.6 * measured[0]
        assert encoder.dense_dimensions == 32
        queries, documents = (
            [row[side] for row in tiny.examples(tiny.TOPICS, seed=9)]
            for side in ("query", "positive")
        )
        dense_of = [
            encoder.encode_query(queries, dense=True),
            encoder.encode(documents, dense=True),
        ]
        sparse, found = dense_of[1]
        assert (sparse == encoder.encode(documents), found.shape) == (True, (tiny.TOPICS, 32))
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
        best = (dense_of[0][1] @ found.T).argmax(axis=1)
        assert (best == np.arange(tiny.TOPICS)).mean() > 0.6  # 0.4 before training

    def test_same_seed_same_weights(self, tmp_path, development):
        """Whether and how often it is measured changes nothing."""
        weights = []
        for name, sections in (("a", {}), ("b", {"evaluation": development | {"every_steps": 3}})):
            config = tiny.config(
                tmp_path,
                optimizer={"max_steps": 8},
                output_dir=str(tmp_path / name),
                **sections,
            )
            weights.append(_weights(train(config)))

        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    def test_a_finished_run_is_only_saved_again(self, tmp_path):
        optimizer = {"max_steps": 3, "lr_scheduler": "constant"}
        config = tiny.config(tmp_path, optimizer=optimizer)
        before = _weights(train(config))
        log = log_of(config)

        after = _weights(train(config))

        assert all(torch.equal(before[name], after[name]) for name in before)
        assert [row["step"] for row in log_of(config)] == [row["step"] for row in log]

    def test_a_folder_of_something_else_is_left_alone(self, tmp_path):
        tiny.save_base(tmp_path / "mine")
        before = (tmp_path / "mine" / "config.json").read_bytes()
        (tmp_path / "file").write_text("mine, too")

        with pytest.raises(TrainingError, match=r"mine/config.json is not that of a training run"):
            train(tiny.config(tmp_path, output_dir=str(tmp_path / "mine")))
        with pytest.raises(
            TrainingError, match=r"cannot be written: .*file.* choose another outpu"
        ):
            train(tiny.config(tmp_path, output_dir=str(tmp_path / "file")))

        assert (tmp_path / "mine" / "config.json").read_bytes() == before
        assert (tmp_path / "file").read_text() == "mine, too"

    def test_checkpoints_of_another_run_are_left_alone(self, tmp_path):
        config = tiny.config(tmp_path, optimizer={"max_steps": 3})
        train(config)

        with pytest.raises(TrainingError, match="resume it, or choose another output_dir"):
            train(config, resume=False)
        with pytest.raises(TrainingError, match=r"other settings \(other seed\)"):
            train(config.model_copy(update={"seed": 1}))

    def test_data_that_changed_since_is_told(self, tmp_path):
        config = tiny.config(tmp_path, optimizer={"max_steps": 3})
        train(config)
        path = config.data[0].path
        whole = path.read_bytes()
        with path.open("ab") as file:
            file.write(whole.splitlines(keepends=True)[0])

        with pytest.raises(TrainingError, match=r"had \d+ bytes when the run .* began, and has"):
            train(config)

        path.write_bytes(whole)
        train(config)


def _ndcg(folder: Path, development: dict[str, object]) -> float:
    from splade_sdk.datasets.beir import load_dataset
    from splade_sdk.evaluation.runner import evaluate

    report = evaluate(
        SpladeEncoder(folder, device="cpu", max_length=16),
        load_dataset(str(development["path"])),
        metrics=["nDCG@10"],
        engine="memory",
    )
    return report.metrics["nDCG@10"]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(next(folder.rglob("model.safetensors")))


class TestSparsity:
    def test_target_is_reached_within_a_tenth(self, tmp_path):
        target = (4.6, 8.0)
        tiny.save_base(tmp_path / "base", dropout=0.0)
        config = tiny.config(
            tmp_path,
            sparsity={"target_active_dims": target},
            optimizer={"max_steps": 300},
        )

        train(config)

        first = log_of(config)[0]
        assert first["document_active_dims"] > 1.3 * target[1]
        for side, wanted in zip(("query", "document"), target, strict=True):
            assert mean_of_last(config, f"{side}_active_dims", 8) == pytest.approx(wanted, rel=0.1)

    def test_a_target_that_is_missed_is_told(self, tmp_path, caplog):
        config = tiny.config(
            tmp_path, sparsity={"target_active_dims": [8, 1000]}, optimizer={"max_steps": 5}
        )

        train(config)

        assert re.search(
            r"document vectors end with \d+\.\d active dimensions, where .* asks for 1000",
            caplog.text,
        )

    def test_stronger_regularizers_leave_fewer_terms(self, tmp_path):
        found = []
        for strength in (1e-4, 1e-1):
            side = {"name": "flops", "strength": strength}
            config = tiny.config(
                tmp_path,
                sparsity={"query": side, "document": side},
                output_dir=str(tmp_path / str(strength)),
            )
            train(config)
            found.append(mean_of_last(config, "document_active_dims", 2))

        assert found[1] < 0.8 * found[0]

    def test_a_dense_start_is_brought_down_and_learns(self, tmp_path, development, caplog):
        tiny.save_base(tmp_path / "base", bias=0.0)
        config = tiny.config(
            tmp_path, sparsity={"max_start_active_dims": 20}, evaluation=development
        )

        train(config)

        assert re.search(
            r"documents start with \d{2,3} active dimensions: lowered .* start with 10", caplog.text
        )
        assert log_of(config)[0]["document_active_dims"] < 20
        assert last(config, "eval_ndcg@10") > 0.9

    def test_a_dense_start_under_sum_pooling_waits_for_the_regularizers(self, tmp_path):
        tiny.save_base(tmp_path / "base", bias=0.0)
        side = {"name": "flops", "strength": 0.01}
        config = tiny.config(
            tmp_path,
            model={"pooling": "sum"},
            sparsity={"max_start_active_dims": 50, "query": side, "document": side},
            log_every_steps=1,
        )

        train(config)

        log = [row for row in log_of(config) if "ranking_loss" in row]
        assert log[0]["document_active_dims"] > 50
        # The ranking loss is measured, but not part of the loss.
        assert log[0]["loss"] == pytest.approx(log[0]["sparsity_loss"], rel=1e-4)
        assert log[0]["ranking_loss"] > 0
        sparse = next(row for row in log if row["document_active_dims"] <= 50)
        assert log[-1]["loss"] == pytest.approx(
            log[-1]["sparsity_loss"] + log[-1]["ranking_loss"], rel=1e-3
        )
        assert sparse["step"] < 60

    def test_a_collapse_stops_with_step_and_strengths(self, tmp_path):
        side = {"name": "flops", "strength": 1e4}
        config = tiny.config(
            tmp_path,
            sparsity={"query": side, "document": side, "schedule": "constant", "warmup_share": 0},
            optimizer={"max_steps": 200},
        )

        with pytest.raises(
            CollapseError, match=r"step \d+: .* vectors .* query 1e\+04 and document 1e\+04"
        ):
            train(config)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"pooling": "sum"}, 0.9),
        ({"activation": "log1p_log1p_relu"}, 0.7),
        # Without expansion and in 60 steps, documents alone learn what is noise.
        ({"query_expansion": False}, 0.65),
    ],
    ids=["sum", "log1p_log1p", "doc"],
)
def test_each_shape_learns_and_its_folder_loads(tmp_path, development, model, expected):
    config = tiny.config(tmp_path, model=model, evaluation=development)

    folder = train(config)

    assert last(config, "eval_ndcg@10") > expected
    assert _ndcg(folder, development) == pytest.approx(last(config, "eval_ndcg@10"))
    encoder = SpladeEncoder(folder)
    queries = encoder.encode_query([tiny.TOPIC_WORDS[0][0]])
    if model.get("query_expansion", True):
        assert queries.stats().active_dims >= 1
    else:
        assert queries.indices.tolist() == [tiny.VOCABULARY[tiny.TOPIC_WORDS[0][0]]]


def test_queries_without_expansion_learn_what_their_terms_are_worth(tmp_path):
    """Words that other documents have as well lose weight; words that tell topics apart do not."""
    config = tiny.config(
        tmp_path,
        model={"query_expansion": False},
        optimizer={"query_weights_learning_rate": 0.05},
    )

    encoder = SpladeEncoder(train(config))

    noise, topics = (
        encoder.encode_query(words).values
        for words in (tiny.NOISE_WORDS, [word for pair in tiny.TOPIC_WORDS for word in pair])
    )
    assert noise.max() < 0.6 < 0.9 < np.median(topics)  # all start at 1


def test_distilled_from_scores(tmp_path, development):
    config = tiny.config(
        tmp_path,
        losses=[{"name": "kl"}, {"name": "margin_mse", "weight": 0.1}],
        evaluation=development,
    )

    train(config)

    assert last(config, "eval_ndcg@10") > 0.9
    row = next(row for row in log_of(config) if "kl_loss" in row)
    assert row["ranking_loss"] == pytest.approx(row["kl_loss"] + 0.1 * row["margin_mse_loss"])


def test_a_model_without_a_head_gets_one_and_learns(tmp_path, development, caplog):
    tiny.save_base(tmp_path / "base", head=False)
    config = tiny.config(tmp_path, evaluation=development | {"every_steps": 2})

    train(config)

    # The new head has told words that all documents have from others; the run keeps that and goes
    # on to learn.
    assert log_of(config)[0]["eval_ndcg@10"] > 0.9
    assert last(config, "eval_ndcg@10") > 0.9
    losses = [row["loss"] for row in log_of(config) if "loss" in row]
    assert losses[-1] < 0.75 * losses[0]
    assert re.search(
        "base has no masked-LM head: made one of its embeddings.* 320 docum", caplog.text
    )


@pytest.mark.parametrize("options", [{"cached_chunk_size": 6}, {"accumulation_steps": 2}])
def test_caching_and_accumulation_learn(tmp_path, development, options):
    config = tiny.config(tmp_path, optimizer=options, evaluation=development)

    train(config)

    assert last(config, "eval_ndcg@10") > 0.85


@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_caching_gives_the_weights_of_the_whole_batch(tmp_path, accumulation_steps):
    """With dropout off: with it on, batches of another size draw other masks."""
    tiny.save_base(tmp_path / "base", dropout=0.0)
    weights = []
    for size in (None, 5):
        config = tiny.config(
            tmp_path,
            optimizer={
                "max_steps": 5,
                "cached_chunk_size": size,
                "accumulation_steps": accumulation_steps,
                "learning_rate": 1e-3,
            },
            output_dir=str(tmp_path / str(size)),
        )
        weights.append(_weights(train(config)))

    for name, expected in weights[0].items():
        torch.testing.assert_close(weights[1][name], expected, rtol=1e-3, atol=1e-4)
