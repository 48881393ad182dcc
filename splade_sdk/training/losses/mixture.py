"""A weighted sum of losses over the same scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splade_sdk.errors import ConfigError
from splade_sdk.training.losses.base import RankingLoss
from splade_sdk.training.scores import Scores

__all__ = ["Mixture", "MixtureValue"]


@dataclass(frozen=True, slots=True)
class MixtureValue:
    """Value of a mixture.

    Attributes:
        total: Weighted sum, through which gradients flow; the same on every rank. A scalar.
        parts: Each loss before its weight, detached, by name. Scalars.
    """

    total: Tensor
    parts: dict[str, Tensor]


class Mixture:
    """Adds losses up.

    ``total = sum over losses of weight * mean over counted queries of loss(q)``

    Args:
        terms: Name, loss and weight > 0 of each.

    Raises:
        ConfigError: if there is no loss, a name comes twice, or a weight is not greater than 0.
    """

    def __init__(self, terms: Sequence[tuple[str, RankingLoss, float]]) -> None:
        names = [name for name, _, _ in terms]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"losses are {names}: expected at least one, each name once")
        for name, _, weight in terms:
            if not weight > 0:
                raise ConfigError(
                    f"the weight of the loss {name!r} is {weight}: expected a number greater "
                    "than 0, or leave the loss out"
                )
        self.terms = tuple(terms)

    def __call__(self, scores: Scores) -> MixtureValue:
        """Return the weighted sum and its parts."""
        means = {name: loss(scores).mean() for name, loss, _ in self.terms}
        total = torch.stack([weight * means[name] for name, _, weight in self.terms]).sum()
        return MixtureValue(total, {name: mean.detach() for name, mean in means.items()})
