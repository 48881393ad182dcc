"""Learning another model's vectors."""

from __future__ import annotations

import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.errors import ConfigError
from splade_sdk.training.log import read_log
from splade_sdk.training.run import train
from splade_sdk.training.vector_distillation import relative_squared_error
from tests.unit.training import tiny_training as tiny


def test_the_error_is_relative_to_the_size_of_the_teachers_vector():
    wanted = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    weights = torch.tensor([[3.0, 0.0], [1.0, 2.0], [9.0, 9.0]])

    # 16 / 25 and 1 / 4; the third text, of which the teacher has no term, is left out.
    assert relative_squared_error(weights, wanted).item() == pytest.approx((0.64 + 0.25) / 2)


def test_a_batch_without_any_term_of_the_teacher_costs_nothing():
    assert relative_squared_error(torch.ones(2, 3), torch.zeros(2, 3)).item() == 0.0


@pytest.mark.parametrize("chunk", [None, 8])
def test_the_student_comes_to_give_the_teachers_terms(tmp_path, chunk):
    teacher = tiny.save_base(tmp_path / "teacher", seed=1, bias=-5.0)
    config = tiny.config(
        tmp_path,
        vector_distillation={"teacher": str(teacher), "weight": 10.0},
        optimizer={"cached_chunk_size": chunk, "head_learning_rate": 0.2},
    )

    folder = train(config)

    log = [row["vector_loss"] for row in read_log(config.output_dir / "log.csv") if "loss" in row]
    assert log[-1] < 0.7 * log[0]
    text = tiny.examples(1)[0]["positive"]
    wanted = SpladeEncoder(teacher).encode(text)
    before, after = (
        SpladeEncoder(each).encode(text).dot(wanted) for each in (tmp_path / "base", folder)
    )
    assert after > before


def test_another_vocabulary_is_refused(tmp_path):
    teacher = tiny.save_base(tmp_path / "teacher", seed=1)
    path = teacher / "tokenizer.json"
    path.write_text(path.read_text().replace(f'"{tiny.NOISE_WORDS[0]}"', '"elsewhere"'))
    config = tiny.config(
        tmp_path, vector_distillation={"teacher": str(teacher)}, optimizer={"max_steps": 2}
    )

    with pytest.raises(ConfigError, match="its vectors cannot be learned; distil its scores"):
        train(config)


def test_the_heads_own_parameters_may_learn_faster(tmp_path):
    slow, fast = (
        tiny.config(
            tmp_path,
            output_dir=str(tmp_path / name),
            optimizer={"max_steps": 5, "learning_rate": 1e-6, "head_learning_rate": rate},
        )
        for name, rate in (("slow", None), ("fast", 1e-2))
    )
    start = _parts(tmp_path / "base")
    moved = {
        name: [(now - before).abs().max().item() for now, before in zip(parts, start, strict=True)]
        for name, parts in (("slow", _parts(train(slow))), ("fast", _parts(train(fast))))
    }

    bias, embeddings = 0, 1
    assert moved["slow"][bias] < 1e-5
    assert moved["fast"][bias] > 1e-3
    assert moved["fast"][embeddings] < 1e-5  # tied to the input: not the head's own


def _parts(folder):
    masked_lm = SpladeEncoder(folder)._document.masked_lm
    return masked_lm.bias.detach().clone(), masked_lm.weight.detach().clone()
