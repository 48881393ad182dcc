"""The teachers of vectors that a TrainingConfig names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splade_sdk.encoders.checkpoint import fetch, read_checkpoint
from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.errors import ConfigError
from splade_sdk.training.config import TrainingConfig, VectorDistillationConfig
from splade_sdk.training.dense_distillation import DenseDistillation
from splade_sdk.training.model import SpladeModel
from splade_sdk.training.teachers.loading import load_pretrained
from splade_sdk.training.vector_distillation import VectorDistillation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["build_dense_distillation", "build_vector_distillation"]


def build_vector_distillation(
    config: TrainingConfig, tokenizer: PreTrainedTokenizerBase
) -> VectorDistillation | None:
    """Load the teacher of vectors, if there is one.

    Args:
        config: The run's settings.
        tokenizer: Of the student.

    Raises:
        ModelError: if the teacher cannot be loaded.
        ConfigError: if its vocabulary is another.
    """
    from transformers import AutoTokenizer

    taught = config.vector_distillation
    if taught is None:
        return None
    side = read_checkpoint(fetch(taught.teacher, revision=None, allow_pickle=False)).document
    own = AutoTokenizer.from_pretrained(side.folder)
    _require_same_vocabulary(own, tokenizer, taught, config)
    masked_lm = load_masked_lm(side.folder, dtype=torch.float32)
    teacher = SpladeModel(masked_lm, pooling=side.pooling, activation=side.activation)
    return VectorDistillation(teacher, weight=taught.weight)


def build_dense_distillation(
    config: TrainingConfig, model: SpladeModel, tokenizer: PreTrainedTokenizerBase
) -> DenseDistillation | None:
    """Load the teacher of dense vectors, if there is one.

    Args:
        config: The run's settings.
        model: The student.
        tokenizer: Of the student.

    Raises:
        ModelError: if the teacher cannot be loaded.
        ConfigError: if its vocabulary or its width is another.
    """
    from transformers import AutoModel

    taught = config.dense_distillation
    if taught is None:
        return None
    teacher, own = load_pretrained(AutoModel, taught.teacher)
    _require_same_vocabulary(own, tokenizer, taught, config)
    width = model.masked_lm.hidden_size
    if teacher.config.hidden_size != width:
        raise ConfigError(
            f"the teacher {taught.teacher!r} has vectors of {teacher.config.hidden_size} "
            f"dimensions, {config.model.base!r} of {width}: expected as many"
        )
    return DenseDistillation(teacher, weight=taught.weight)


def _require_same_vocabulary(
    teacher: PreTrainedTokenizerBase,
    student: PreTrainedTokenizerBase,
    taught: VectorDistillationConfig,
    config: TrainingConfig,
) -> None:
    if teacher.get_vocab() != student.get_vocab():
        raise ConfigError(
            f"the vocabulary of the teacher {taught.teacher!r} is not that of "
            f"{config.model.base!r}: its vectors cannot be learned; distil its scores instead"
        )
