"""KL divergence between the teacher's and the student's distributions over a list."""

from __future__ import annotations

import torch

from splade_sdk.errors import ConfigError
from splade_sdk.training.losses.base import QueryLosses, require_teacher
from splade_sdk.training.scores import Scores

__all__ = ["KlDivergence"]


class KlDivergence:
    """Divergence of the student's list from the teacher's.

    For the query q with its own documents d, the student's scores s and the teacher's t::

        P(d) = softmax over d of t(q, d) / teacher_temperature
        Q(d) = softmax over d of s(q, d) / temperature
        loss(q) = sum over d of P(d) * (log P(d) - log Q(d))

    as in RocketQAv2 (Ren et al. 2021) and SPLADE-v3 (Lassance et al. 2024). Documents without a
    teacher score are left out of both lists; a list of one document is not counted.

    Args:
        temperature: Of the student, greater than 0.
        teacher_temperature: Of the teacher, greater than 0; below 1 it sharpens a teacher of
            cosines.

    Raises:
        ConfigError: if a temperature is not greater than 0.
    """

    def __init__(self, temperature: float = 1.0, teacher_temperature: float = 1.0) -> None:
        for name, value in (
            ("temperature", temperature),
            ("teacher_temperature", teacher_temperature),
        ):
            if not value > 0:
                raise ConfigError(f"{name} is {value}: expected a number greater than 0")
        self.temperature = temperature
        self.teacher_temperature = teacher_temperature

    def __call__(self, scores: Scores) -> QueryLosses:
        """Return the loss of each query.

        Raises:
            InvalidDataError: if the batch has no teacher scores.
        """
        teacher = require_teacher(scores, "kl")
        known = scores.is_candidate & ~teacher.isnan()
        counted = known.sum(dim=1) > 1
        listed = known | ~counted[:, None]  # an empty list has no softmax: its loss is set to 0
        wanted = _log_softmax(teacher.nan_to_num() / self.teacher_temperature, listed)
        got = _log_softmax(scores.of_candidates() / self.temperature, listed)
        parts = torch.where(listed, wanted.exp() * (wanted - got), 0.0)
        return QueryLosses(torch.where(counted, parts.sum(dim=1), 0.0), counted)


def _log_softmax(logits: torch.Tensor, listed: torch.Tensor) -> torch.Tensor:
    """Return the log softmax over the listed entries, 0 elsewhere. Shape: as ``logits``."""
    masked = logits.masked_fill(~listed, -torch.inf).log_softmax(dim=1)
    return masked.masked_fill(~listed, 0.0)
