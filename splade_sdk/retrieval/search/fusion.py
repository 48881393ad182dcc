"""How the rankings of several legs become one: formulas, and what hybrid search computes by them.

Fusion happens here, over the legs' own rankings, and not in the engine: only so can every hit give
its rank and score in each leg, ties be broken by the document's id, and a weight of 0 mean 0. The
tests compare each formula that the engine has too with the engine's own result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from splade_sdk.config import Settings
from splade_sdk.errors import ConfigError

__all__ = [
    "DBSF",
    "FUSIONS",
    "RRF",
    "Fusion",
    "Ranking",
    "Weighted",
    "fusion_from_dict",
    "fusion_to_dict",
]

Ranking = Sequence[tuple[str, float]]
"""Ids with their scores, the best first."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]

FUSIONS: dict[str, type[Fusion]] = {}
"""The fusions that files and command lines can name, by name."""


class Fusion(Settings, ABC):
    """Base of all fusions: each adds up what the legs give."""

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Leave weights out of the repr where none are given."""
        return [(name, value) for name, value in super().__repr_args__() if value not in (None, {})]

    @abstractmethod
    def leg_scores(self, leg: str, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return what a leg gives to each of its hits; None if it counts for nothing.

        Args:
            leg: Name of the leg.
            scores: The scores of its hits, best first. Shape: ``(hits,)``.
        """

    def fuse(self, legs: Mapping[str, Ranking]) -> dict[str, float]:
        """Return the fused score of every id that a leg of some weight has found.

        Args:
            legs: The ranking of each leg, by its name.
        """
        fused: dict[str, float] = {}
        for leg, ranking in legs.items():
            scores = np.array([score for _, score in ranking], dtype=np.float64)
            shares = self.leg_scores(leg, scores)
            if shares is not None:
                for (found, _), share in zip(ranking, shares.tolist(), strict=True):
                    fused[found] = fused.get(found, 0.0) + share
        return fused


Kind = TypeVar("Kind", bound=type[Fusion])


def _named(kind: Kind) -> Kind:
    """Register a fusion under the name of its class."""
    FUSIONS[kind.__name__] = kind
    return kind


@_named
class RRF(Fusion):
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).

    score(d) = Σ over the legs that found d of 1 / (k + rank(d) / weight), with ranks from 1

    With weights of 1 this is the paper's Σ 1 / (k + rank), whose k is 60. The weights enter as they
    do in Qdrant, whose formula, with ranks from 0, is Σ 1 / ((rank + 1) / weight + k' - 1): it is
    the same for k' = k + 1. A weight multiplies no score, then, but divides the rank: with twice
    the weight, rank 10 counts like rank 5. A leg of weight 0 counts for nothing.

    Attributes:
        k: The larger, the less the first ranks stand out.
        sparse_weight: Weight of the sparse leg.
        dense_weight: Weight of the dense leg.
        weights: Weights of further legs, by name; a leg that is not named weighs 1.
    """

    k: int = Field(default=60, ge=0)
    sparse_weight: Weight = 1.0
    dense_weight: Weight = 1.0
    weights: Mapping[str, Weight] = Field(default_factory=dict)

    def leg_scores(self, leg: str, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """See Fusion."""
        named = {"sparse": self.sparse_weight, "dense": self.dense_weight, **self.weights}
        weight = named.get(leg, 1.0)
        if not weight:
            return None
        # A weight that is next to nothing makes the quotient infinite, and its share 0.
        with np.errstate(over="ignore"):
            ranks = np.arange(1, scores.size + 1, dtype=np.float64)
            shares: NDArray[np.float64] = 1 / (self.k + ranks / weight)
        return shares


@_named
class DBSF(Fusion):
    """Distribution-based score fusion, as in Qdrant.

    score(d) = Σ over the legs that found d of (s(d) - (μ - 3σ)) / 6σ

    μ and σ are the mean and the standard deviation (with n - 1) of the scores that the leg fetched.
    Where those are all equal, as where there is one, each counts 0.5.
    """

    def leg_scores(
        self,
        leg: str,  # noqa: ARG002 - all legs count alike
        scores: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """See Fusion."""
        deviation = float(scores.std(ddof=1)) if scores.size > 1 else 0.0
        if not deviation:
            return np.full(scores.size, 0.5)
        lowest = float(scores.mean()) - 3 * deviation
        return (scores - lowest) / (6 * deviation)


@_named
class Weighted(Fusion):
    """Convex combination of min-max normalised scores (Bruch, Gai and Ingber, TOIS 2023).

    score(d) = Σ over the legs of share(leg) · n_leg(d)

    n(d) = (s(d) - min) / (max - min) over the scores that the leg fetched, 0 where the leg has not
    found d, and 1 where all scores are equal, as where there is one. The shares of two legs are
    1 - alpha (sparse) and alpha (dense); those of more are ``weights``, divided by their sum. A leg
    of share 0 counts for nothing: alpha 0 ranks as the sparse leg alone, alpha 1 as the dense one.

    Attributes:
        alpha: Share of the dense leg.
        weights: Weight of each leg, by name, in the place of ``alpha``; a leg that is not named
            counts for nothing. None for ``alpha``.
    """

    alpha: float = Field(default=0.5, ge=0, le=1)
    weights: Mapping[str, Weight] | None = None

    def leg_scores(self, leg: str, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """See Fusion."""
        share = self._share(leg)
        if not share:
            return None
        lowest = float(scores.min(initial=np.inf))
        width = float(scores.max(initial=lowest)) - lowest
        normalised = (scores - lowest) / width if width else np.ones(scores.size)
        shares: NDArray[np.float64] = share * normalised
        return shares

    def _share(self, leg: str) -> float:
        if self.weights is None:
            return self.alpha if leg == "dense" else 1 - self.alpha
        total = sum(self.weights.values())
        return self.weights.get(leg, 0.0) / total if total else 0.0


def fusion_to_dict(fusion: Fusion) -> dict[str, Any]:
    """Return the name and the settings of a fusion, as in ``{"name": "RRF", "k": 60, ...}``."""
    return {"name": type(fusion).__name__, **fusion.model_dump()}


def fusion_from_dict(data: Mapping[str, Any]) -> Fusion:
    """Return the fusion that ``fusion_to_dict`` described.

    Raises:
        ConfigError: if its name is unknown, or a setting does not exist or is out of range.
    """
    settings = dict(data)
    name = settings.pop("name", None)
    if name not in FUSIONS:
        raise ConfigError(f"fusion has the name {name!r}: expected one of {sorted(FUSIONS)}")
    return FUSIONS[name](**settings)
