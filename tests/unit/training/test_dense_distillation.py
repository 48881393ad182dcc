"""Staying near another model's dense vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.errors import ConfigError
from splade_sdk.training.dense_distillation import DenseDistillation, cosine_distance
from splade_sdk.training.log import read_log
from splade_sdk.training.model import TokenBatch
from splade_sdk.training.run import train
from splade_sdk.training.teachers.bi_encoder import TransformerEmbedder
from tests.unit.training import tiny_training as tiny


def test_the_distance_is_one_less_the_cosine():
    wanted = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])

    assert cosine_distance(vectors, wanted).item() == pytest.approx((0 + 0.2 + 2) / 3)


def test_the_teachers_vectors_are_those_that_it_embeds_texts_with(tmp_path):
    from transformers import AutoModel

    folder = tiny.save_base(tmp_path / "teacher", head=False)
    texts = [tiny.examples(1)[0]["positive"], tiny.TOPIC_WORDS[0][0]]  # of two lengths
    batch = TokenBatch.from_ids(tiny.tokenizer()(texts).input_ids)

    taught = DenseDistillation(AutoModel.from_pretrained(folder), weight=1.0)

    wanted = TransformerEmbedder.from_pretrained(str(folder)).encode(texts)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    for vectors in taught.vectors(batch, batch):
        np.testing.assert_allclose(vectors, wanted, atol=1e-6)


@pytest.mark.parametrize("chunk", [None, 8])
def test_the_students_vectors_come_near_the_teachers(tmp_path, chunk):
    teacher = tiny.save_base(tmp_path / "teacher", seed=1, head=False)
    config = tiny.config(
        tmp_path,
        dense_distillation={"teacher": str(teacher), "weight": 10.0},
        optimizer={"cached_chunk_size": chunk},
    )

    folder = train(config)

    log = [
        row["dense_vector_loss"] for row in read_log(config.output_dir / "log.csv") if "loss" in row
    ]
    assert log[-1] < 0.5 * log[0]
    text = tiny.examples(1)[0]["positive"]
    (wanted,) = TransformerEmbedder.from_pretrained(str(teacher)).encode([text])
    vector = SpladeEncoder(folder).encode(text, dense=True).dense
    assert vector @ wanted / np.linalg.norm(wanted) > 0.5  # by chance: 0 +- 0.2


def test_another_vocabulary_is_refused(tmp_path):
    teacher = tiny.save_base(tmp_path / "teacher", head=False)
    path = teacher / "tokenizer.json"
    path.write_text(path.read_text().replace(f'"{tiny.NOISE_WORDS[0]}"', '"elsewhere"'))
    config = tiny.config(
        tmp_path, dense_distillation={"teacher": str(teacher)}, optimizer={"max_steps": 2}
    )

    with pytest.raises(ConfigError, match="its vectors cannot be learned; distil its scores"):
        train(config)


def test_another_width_is_refused(tmp_path):
    teacher = tiny.save_base(tmp_path / "teacher", head=False, width=16)
    config = tiny.config(
        tmp_path, dense_distillation={"teacher": str(teacher)}, optimizer={"max_steps": 2}
    )

    with pytest.raises(ConfigError, match=r"vectors of 16 dimensions, .* of 32"):
        train(config)


def test_a_weight_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="weight is 0"):
        DenseDistillation(torch.nn.Identity(), weight=0)
