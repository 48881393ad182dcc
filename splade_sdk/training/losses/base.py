"""What every ranking loss is: a function of the scores that gives one number a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from splade_sdk.errors import InvalidDataError
from splade_sdk.training.distributed import mean_over_ranks
from splade_sdk.training.scores import Scores

__all__ = ["QueryLosses", "RankingLoss", "require_teacher"]


@dataclass(frozen=True, slots=True)
class QueryLosses:
    """Losses of this rank's queries.

    Attributes:
        values: 0 where the query is not counted. Shape: ``(n_queries,)``.
        counted: False where the loss does not apply to the query, as where it has no teacher
            scores. bool. Shape: ``(n_queries,)``.
    """

    values: Tensor
    counted: Tensor

    def mean(self) -> Tensor:
        """Return the mean over the counted queries of all ranks; 0 where there is none."""
        return mean_over_ranks(self.values.sum(), self.counted.sum())


class RankingLoss(Protocol):
    """A loss over the scores of a batch."""

    def __call__(self, scores: Scores) -> QueryLosses:
        """Return the loss of each query."""


def require_teacher(scores: Scores, loss: str) -> Tensor:
    """Return the teacher's scores.

    Args:
        scores: Scores of the batch.
        loss: Name of the loss that needs them.

    Raises:
        InvalidDataError: if no query of the batch has any.
    """
    if scores.teacher is None:
        raise InvalidDataError(
            f"the loss {loss!r} learns from a teacher's scores, but the training data has none: "
            "add them with 'splade teach', or use the loss 'infonce'"
        )
    return scores.teacher
