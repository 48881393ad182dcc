"""Distillation of the vectors themselves: the student learns the term weights of another SPLADE.

For the student's weights w and the teacher's t of the same text, over texts with a teacher's term::

    loss = weight * mean over texts of |w - t|^2 / |t|^2

It keeps expansion terms meaningful: ranking losses alone are as happy with rare words as codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from splade_sdk.errors import ConfigError
from splade_sdk.training.distributed import mean_over_ranks
from splade_sdk.training.model import SpladeModel, TokenBatch

__all__ = ["VectorDistillation", "relative_squared_error"]


class VectorDistillation:
    """A teacher that is run on the student's own batches, without gradients.

    Args:
        teacher: Of the student's vocabulary; moved to the batches' device, never trained.
        weight: In the whole loss, greater than 0.

    Raises:
        ConfigError: if ``weight`` is not greater than 0.
    """

    def __init__(self, teacher: SpladeModel, *, weight: float) -> None:
        if not weight > 0:
            raise ConfigError(f"weight is {weight}: expected a number greater than 0")
        self._teacher = teacher.eval().requires_grad_(False)
        self.weight = weight

    def vectors(self, query: TokenBatch, document: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the teacher's term weights. Shapes: as the student's."""
        self._teacher.to(document.input_ids.device)
        with torch.no_grad():
            queries, documents = self._teacher(query, document)
        return queries, documents


def relative_squared_error(weights: Tensor, wanted: Tensor) -> Tensor:
    """Return ``|w - t|^2 / |t|^2``, its mean over the texts with a teacher's term; a scalar.

    The mean is over the texts of all ranks.

    Args:
        weights: The student's. Shape: ``(texts, vocabulary)``.
        wanted: The teacher's. Shape: ``(texts, vocabulary)``.
    """
    sizes = wanted.square().sum(dim=1)
    counted = sizes > 0
    errors = nn.functional.mse_loss(weights, wanted, reduction="none").sum(dim=1)
    shares = torch.where(counted, errors / sizes.clamp_min(1e-12), 0.0)
    return mean_over_ranks(shares.sum(), counted.sum())
