"""Penalties that make vectors sparse, each for one side (queries or documents).

All are functions of means over the batch of all ranks. w_ij >= 0 is the weight of term j in row i
of N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Protocol

import torch
from torch import Tensor

from splade_sdk.errors import ConfigError
from splade_sdk.training.distributed import batch_mean
from splade_sdk.training.registry import make

__all__ = [
    "L1",
    "REGULARIZERS",
    "DfFlops",
    "Flops",
    "JointFlops",
    "Regularizer",
    "active_dims",
    "make_regularizer",
]


class Regularizer(Protocol):
    """A penalty on the weights of one side."""

    def __call__(self, weights: Tensor, other: Tensor) -> Tensor:
        """Return the penalty, a scalar that is the same on every rank.

        Args:
            weights: Of this side. Shape: ``(batch, vocabulary)``.
            other: Of the other side. Shape: ``(other_batch, vocabulary)``.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Return what must be kept to go on after a restart."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from ``state``."""


class _Stateless:
    def state_dict(self) -> dict[str, Tensor]:
        """Return nothing: there is no state."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Do nothing: there is no state."""


class L1(_Stateless):
    """``1/N sum_i sum_j w_ij``: the mean L1 norm of a row."""

    def __call__(self, weights: Tensor, other: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """Return the penalty."""
        return batch_mean(weights.sum(dim=1))


class Flops(_Stateless):
    """``sum_j (1/N sum_i w_ij)^2``: the expected cost of scoring two rows against each other.

    Paria et al. 2020, "Minimizing FLOPs to Learn Efficient Sparse Representations".
    """

    def __call__(self, weights: Tensor, other: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """Return the penalty."""
        return batch_mean(weights).square().sum()


class JointFlops(_Stateless):
    """``sum_j (1/N sum_i w_ij) * (1/M sum_k v_kj)``, with v the weights of the other side.

    The cost of scoring a query against a document, instead of either against its like. Gradients
    reach this side only: with it on both sides at one strength they are those of the formula.
    """

    def __call__(self, weights: Tensor, other: Tensor) -> Tensor:
        """Return the penalty."""
        return (batch_mean(weights) * batch_mean(other.detach())).sum()


class DfFlops:
    """``sum_j (a(df_j) * 1/N sum_i w_ij)^2``: FLOPS that falls on terms in many documents.

    df_j is the share of rows in which term j is active, a running mean over batches,
    ``df <- momentum * df + (1 - momentum) * batch's df``, and

        a(x) = 1 / (1 + (x^(log_alpha 2) - 1)^beta)

    which is 0 at 0, 1/2 at alpha and 1 at 1. Porco et al. 2025, "An Alternative to FLOPS
    Regularization to Effectively Productionize SPLADE-Doc" (arXiv 2505.15070); there df is counted
    on a validation set every 100 steps.

    Args:
        alpha: Share of rows at which a is 1/2, between 0 and 1.
        beta: Steepness, greater than 0.
        momentum: Of the running mean, at least 0 and below 1.

    Raises:
        ConfigError: if an argument is out of range.
    """

    def __init__(self, alpha: float = 0.1, beta: float = 10.0, momentum: float = 0.99) -> None:
        if not (0 < alpha < 1 and beta > 0 and 0 <= momentum < 1):
            raise ConfigError(
                f"alpha is {alpha}, beta is {beta}, momentum is {momentum}: expected "
                "0 < alpha < 1, beta > 0 and 0 <= momentum < 1"
            )
        self.alpha = alpha
        self.beta = beta
        self.momentum = momentum
        self.document_frequency: Tensor | None = None

    def activation(self, frequency: Tensor) -> Tensor:
        """Return a(x) of each share. Shape: as ``frequency``."""
        exponent = log(2) / log(self.alpha)
        return 1 / (1 + (frequency.clamp(1e-9, 1.0).pow(exponent) - 1).pow(self.beta))

    def __call__(self, weights: Tensor, other: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """Return the penalty; counts the batch's document frequencies first."""
        with torch.no_grad():
            factors = self.activation(self._observe(weights))
        return (factors * batch_mean(weights)).square().sum()

    def _observe(self, weights: Tensor) -> Tensor:
        seen = batch_mean((weights.detach() > 0).float())
        if self.document_frequency is None:
            self.document_frequency = seen
        else:
            before = self.document_frequency.to(seen.device)
            self.document_frequency = self.momentum * before + (1 - self.momentum) * seen
        return self.document_frequency

    def state_dict(self) -> dict[str, Tensor]:
        """Return the running document frequencies. Shape: ``(vocabulary,)``."""
        if self.document_frequency is None:
            return {}
        return {"document_frequency": self.document_frequency.cpu()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from ``state``."""
        self.document_frequency = state.get("document_frequency")


REGULARIZERS: dict[str, Callable[..., Regularizer]] = {
    "df_flops": DfFlops,
    "flops": Flops,
    "joint_flops": JointFlops,
    "l1": L1,
}


def make_regularizer(name: str, **options: object) -> Regularizer:
    """Build a regulariser by its name in REGULARIZERS.

    Args:
        name: Key of REGULARIZERS.
        **options: What it takes; see its class.

    Raises:
        ConfigError: if there is no such regulariser, or it has no such option.
    """
    return make(REGULARIZERS, "regularizer", name, options)


def active_dims(weights: Tensor) -> Tensor:
    """Return the mean number of active terms a row, over the batch of all ranks; a scalar.

    Args:
        weights: Shape: ``(batch, vocabulary)``.
    """
    with torch.no_grad():
        return batch_mean((weights > 0).sum(dim=1).float())
