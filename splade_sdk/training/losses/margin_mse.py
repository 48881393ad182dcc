"""MarginMSE: the teacher's margins between the positive and each negative."""

from __future__ import annotations

import warnings

import torch

from splade_sdk.errors import ConfigError
from splade_sdk.training.losses.base import QueryLosses, require_teacher
from splade_sdk.training.scores import Scores

__all__ = ["MarginMse"]

# Mean margins further apart than this factor are of two scales.
_SAME_SCALE = 20.0


class MarginMse:
    """Squared error of the student's margins.

    For the query q with the positive p, its own negatives n = 1..k, the student's scores s and the
    teacher's t::

        loss(q) = 1/k * sum over n of ( (s(q, p) - s(q, n)) - c * (t(q, p) - t(q, n)) )^2

    (Hofstätter et al. 2020, "Improving Efficient Neural Ranking Models with Cross-Architecture
    Knowledge Distillation"). Pairs without a teacher score are left out.

    Args:
        teacher_scale: c, greater than 0; brings the teacher's margins to the size of the
            student's, such as 20 for a teacher of cosines.

    Raises:
        ConfigError: if ``teacher_scale`` is not greater than 0.
    """

    def __init__(self, teacher_scale: float = 1.0) -> None:
        if not teacher_scale > 0:
            raise ConfigError(f"teacher_scale is {teacher_scale}: expected a number greater than 0")
        self.teacher_scale = teacher_scale
        self._compared = False

    def __call__(self, scores: Scores) -> QueryLosses:
        """Return the loss of each query.

        Raises:
            InvalidDataError: if the batch has no teacher scores.
        """
        teacher = require_teacher(scores, "margin_mse")
        student = scores.of_candidates()
        given = teacher[:, :1] - teacher[:, 1:]
        known = scores.is_candidate[:, 1:] & ~given.isnan()
        wanted = self.teacher_scale * given.nan_to_num()
        got = student[:, :1] - student[:, 1:]
        if not self._compared and known.any():
            self._compared = True
            self._compare_scales(wanted[known].abs().mean(), got[known].detach().abs().mean())
        errors = (got - wanted).square()
        negatives = known.sum(dim=1)
        values = torch.where(known, errors, 0.0).sum(dim=1) / negatives.clamp_min(1)
        return QueryLosses(values, negatives > 0)

    def _compare_scales(self, teacher: torch.Tensor, student: torch.Tensor) -> None:
        """Warn where the first batch shows a teacher on a scale of its own."""
        if not teacher:  # a teacher without margins has no scale
            return
        ratio = float(student / teacher)
        if ratio > _SAME_SCALE or ratio < 1 / _SAME_SCALE:
            warnings.warn(
                f"the teacher's margins are {float(teacher):.3g} on average, the student's "
                f"{float(student):.3g}: the loss 'margin_mse' would pull scores to another scale; "
                f"set its teacher_scale to about {self.teacher_scale * ratio:.3g}",
                UserWarning,
                stacklevel=2,
            )
