"""Distillation of the dense vectors: the student's stay near those of a sentence embedding model.

For the student's dense vectors e and the teacher's t of the same texts, both of length 1::

    loss = weight * mean over texts of 1 - e . t

Ranking losses alone fit a dense head to the texts of training, and what the base knew of others is
forgotten.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from splade_sdk.encoders.model_side import mean_pooled
from splade_sdk.errors import ConfigError
from splade_sdk.training.distributed import batch_mean
from splade_sdk.training.model import TokenBatch

__all__ = ["DenseDistillation", "cosine_distance"]


class DenseDistillation:
    """A teacher that is run on the student's own batches, without gradients.

    Args:
        teacher: A transformers model of the student's vocabulary whose vectors are the means of
            its last hidden states; moved to the batches' device, never trained.
        weight: In the whole loss, greater than 0.

    Raises:
        ConfigError: if ``weight`` is not greater than 0.
    """

    def __init__(self, teacher: nn.Module, *, weight: float) -> None:
        if not weight > 0:
            raise ConfigError(f"weight is {weight}: expected a number greater than 0")
        self._teacher = teacher.eval().requires_grad_(False)
        self.weight = weight

    def vectors(self, query: TokenBatch, document: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the teacher's vectors, of length 1. Shapes: ``(texts, width)``."""
        self._teacher.to(document.input_ids.device)
        with torch.no_grad():
            return self._vectors(query), self._vectors(document)

    def _vectors(self, texts: TokenBatch) -> Tensor:
        ids = texts.input_ids
        lengths = torch.tensor(texts.lengths, device=ids.device)
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        states = self._teacher(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return mean_pooled(states, texts.lengths)


def cosine_distance(vectors: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean of ``1 - e . t`` over the texts of all ranks; a scalar.

    Args:
        vectors: The student's, of length 1. Shape: ``(texts, width)``.
        wanted: The teacher's, of length 1. Shape: ``(texts, width)``.
    """
    return batch_mean(1 - (vectors * wanted).sum(dim=1))
