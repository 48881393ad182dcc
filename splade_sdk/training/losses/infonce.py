"""InfoNCE: the positive against hard and in-batch negatives."""

from __future__ import annotations

import torch

from splade_sdk.errors import ConfigError
from splade_sdk.training.losses.base import QueryLosses
from splade_sdk.training.scores import Scores

__all__ = ["InfoNce"]


class InfoNce:
    """Cross entropy of the positive among the negatives.

    For the query q with the positive p and the negatives N(q)::

        e(d) = exp(s(q, d) / t)
        loss(q) = -log( e(p) / (e(p) + sum over n in N(q) of e(n)) )

    N(q) is every other document of the batch, over all ranks, that is not known to answer q
    (van den Oord et al. 2018, "Representation Learning with Contrastive Predictive Coding";
    in-batch negatives as in Karpukhin et al. 2020).

    Args:
        temperature: t, greater than 0. SPLADE's inner products are not normalised: 1 is usual.
        in_batch: Take the documents of other queries as negatives; False keeps to the query's own
            hard negatives.

    Raises:
        ConfigError: if ``temperature`` is not greater than 0.
    """

    def __init__(self, temperature: float = 1.0, *, in_batch: bool = True) -> None:
        if not temperature > 0:
            raise ConfigError(f"temperature is {temperature}: expected a number greater than 0")
        self.temperature = temperature
        self.in_batch = in_batch

    def __call__(self, scores: Scores) -> QueryLosses:
        """Return the loss of each query."""
        in_play = scores.negatives
        if not self.in_batch:
            in_play = in_play & _own(scores)
        in_play = in_play.scatter(1, scores.positive[:, None], value=True)
        logits = (scores.matrix / self.temperature).masked_fill(~in_play, -torch.inf)
        positive = logits.gather(1, scores.positive[:, None]).squeeze(1)
        values = logits.logsumexp(dim=1) - positive
        return QueryLosses(values, torch.ones_like(scores.positive, dtype=torch.bool))


def _own(scores: Scores) -> torch.Tensor:
    """Return True at each query's own documents. Shape: ``(n_queries, n_documents)``."""
    own = torch.zeros_like(scores.negatives)
    # Padding points at the positive, which is the query's own in any case.
    columns = torch.where(scores.is_candidate, scores.candidates, scores.positive[:, None])
    return own.scatter(1, columns, value=True)
