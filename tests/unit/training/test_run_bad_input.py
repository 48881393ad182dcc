"""What a run refuses, and how it says so."""

from __future__ import annotations

import pytest

from splade_sdk.errors import ConfigError, InvalidDataError, ModelError, TrainingError
from splade_sdk.training.build import build_data
from splade_sdk.training.config import load_config
from splade_sdk.training.log import read_log
from splade_sdk.training.losses import DISTILLATION_LOSSES
from splade_sdk.training.run import train
from tests.unit.training import tiny_training as tiny


@pytest.fixture
def development(tmp_path):
    return {"path": str(tiny.write_collection(tmp_path / "dev")), "every_steps": 1000}


def last(config, key):
    rows = read_log(config.output_dir / "log.csv")
    return next(row[key] for row in reversed(rows) if key in row)


class TestBadInput:
    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            ([], "data.jsonl: no rows in it"),
            ([{"query": "a", "negatives": ["b"]}], "data.jsonl, line 1: no field 'positive'"),
            ([{"query": "a", "positive": " "}], "has no positive"),
            (
                [{"query": "a", "positive": "b", "scores": [float("nan")]}],
                r"data.jsonl, line 1: field 'scores\[0\]' is nan",
            ),
        ],
    )
    def test_data(self, tmp_path, rows, told):
        tiny.write_lines(tmp_path / "data.jsonl", rows)

        with pytest.raises(InvalidDataError, match=told):
            train(tiny.config(tmp_path))

    def test_fewer_examples_than_a_step_takes(self, tmp_path):
        tiny.write_lines(tmp_path / "data.jsonl", tiny.examples(3))

        with pytest.raises(TrainingError, match="3 examples do not fill one step of 16 x 1"):
            train(tiny.config(tmp_path, optimizer={"max_steps": None}))
        with pytest.raises(TrainingError, match="3 examples do not fill one step of 16 x 1"):
            train(tiny.config(tmp_path))

    def test_a_loss_that_needs_a_teacher(self, tmp_path):
        rows = [{"query": row["query"], "positive": row["positive"]} for row in tiny.examples(32)]
        tiny.write_lines(tmp_path / "data.jsonl", rows)

        with pytest.raises(InvalidDataError, match="'kl' learns from a teacher's scores"):
            train(tiny.config(tmp_path, losses=[{"name": "kl"}]))

    @pytest.mark.parametrize("loss", sorted(DISTILLATION_LOSSES))
    def test_scores_of_one_document_teach_nothing(self, tmp_path, loss):
        rows = [
            {"query": row["query"], "positive": row["positive"], "scores": [6.0]}
            for row in tiny.examples(32)
        ]
        tiny.write_lines(tmp_path / "data.jsonl", rows)

        with pytest.raises(InvalidDataError, match=r"of several documents .* mine_negatives"):
            train(tiny.config(tmp_path, losses=[{"name": "infonce"}, {"name": loss}]))

    def test_no_model(self, tmp_path):
        with pytest.raises(ModelError, match="nothing-here"):
            train(tiny.config(tmp_path, model={"base": str(tmp_path / "nothing-here")}))

    def test_a_tokenizer_of_another_model(self, tmp_path):
        tiny.save_base(tmp_path / "base")
        larger = tiny.tokenizer()
        larger.add_tokens(["zzz", "zzzz"])
        larger.save_pretrained(tmp_path / "base")

        with pytest.raises((ConfigError, ModelError), match=r"111 .*109|109 .*111"):
            train(tiny.config(tmp_path))

    def test_a_key_that_does_not_exist_names_the_nearest(self, tmp_path):
        path = tmp_path / "config.yaml"
        path.write_text(
            "model: {base: x}\ndata: [{path: d.jsonl}]\noutput_dir: run\n"
            "optimizer: {learning_rat: 1.0e-4}\n"
        )

        with pytest.raises(ConfigError, match=r"did you mean 'optimizer\.learning_rate'"):
            load_config(path)

    def test_a_teacher_of_another_scale(self, tmp_path, development):
        """Scores a thousand times as large stay finite, and are brought back by one number."""
        rows = [
            row | {"scores": [1000 * score for score in row["scores"]]}
            for row in tiny.examples(480)
        ]
        tiny.write_lines(tmp_path / "data.jsonl", rows)
        config = tiny.config(
            tmp_path,
            losses=[
                {"name": "kl", "options": {"teacher_temperature": 1000.0}},
                {"name": "margin_mse", "weight": 0.1, "options": {"teacher_scale": 1e-3}},
            ],
            evaluation=development,
        )

        train(config)

        assert last(config, "eval_ndcg@10") > 0.9

    @pytest.mark.parametrize("name", ["max_query_tokens", "max_document_tokens"])
    def test_token_limits_beyond_the_models_positions(self, tmp_path, name):
        with pytest.raises(ConfigError, match=rf"model\.{name} is 5000, but .* positions"):
            train(tiny.config(tmp_path, model={name: 5000}))

    @pytest.mark.parametrize(
        ("rows", "batch_size", "message"),
        [
            ([{"query": f"q{at}", "positive": "p"} for at in range(20)], 4, "the same positive"),
            ([{"query": f"q{at}", "positive": f"p{at}"} for at in range(20)], 1, "a batch of 1"),
            ([{"query": f"q{at}", "positive": f"p{at}"} for at in range(20)], 4, None),
        ],
    )
    def test_data_without_negatives_is_warned_of(self, tmp_path, caplog, rows, batch_size, message):
        tiny.write_lines(tmp_path / "data.jsonl", rows)

        build_data(tiny.config(tmp_path, optimizer={"batch_size": batch_size}))

        assert (message is None) == (not caplog.records)
        assert message is None or message in caplog.text
