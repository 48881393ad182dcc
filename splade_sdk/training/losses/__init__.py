"""Ranking losses, one file each.

>>> make_loss("infonce", temperature=0.5).temperature
0.5
"""

from __future__ import annotations

from collections.abc import Callable

from splade_sdk.training.losses.base import QueryLosses, RankingLoss
from splade_sdk.training.losses.infonce import InfoNce
from splade_sdk.training.losses.kl import KlDivergence
from splade_sdk.training.losses.margin_mse import MarginMse
from splade_sdk.training.losses.mixture import Mixture, MixtureValue
from splade_sdk.training.registry import make

__all__ = [
    "DISTILLATION_LOSSES",
    "LOSSES",
    "InfoNce",
    "KlDivergence",
    "MarginMse",
    "Mixture",
    "MixtureValue",
    "QueryLosses",
    "RankingLoss",
    "make_loss",
]

LOSSES: dict[str, Callable[..., RankingLoss]] = {
    "infonce": InfoNce,
    "kl": KlDivergence,
    "margin_mse": MarginMse,
}

# Those that learn from a teacher's scores of two or more documents of a query.
DISTILLATION_LOSSES = frozenset({"kl", "margin_mse"})


def make_loss(name: str, **options: object) -> RankingLoss:
    """Build a loss by its name in LOSSES.

    Args:
        name: Key of LOSSES.
        **options: What the loss takes; see its class.

    Raises:
        ConfigError: if there is no such loss, or it has no such option.
    """
    return make(LOSSES, "loss", name, options)
