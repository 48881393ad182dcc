"""How the rankings of several legs become one: formulas, and what hybrid search computes by them.

Fusion happens here, over the legs' own rankings, and not in the engine: only so can every hit tell
its rank and score in each leg, ties be broken by the document's id, and a weight of 0 mean 0. The
tests compare each formula that the engine has too with the engine's own result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from splade_sdk.config import Settings

__all__ = ["DBSF", "RRF", "Fusion", "LegName", "Ranking", "Weighted"]

LegName = Literal["sparse", "dense"]

Ranking = Sequence[tuple[str, float]]
"""Ids with their scores, the best first."""


class Fusion(Settings, ABC):
    """Base of all fusions."""

    @abstractmethod
    def fuse(self, legs: Mapping[LegName, Ranking]) -> dict[str, float]:
        """Return the fused score of every id that a leg of some weight has found.

        Args:
            legs: The ranking of each leg.
        """


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
    """

    k: int = Field(default=60, ge=0)
    sparse_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    dense_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def fuse(self, legs: Mapping[LegName, Ranking]) -> dict[str, float]:
        """Return the fused scores; see Fusion."""
        weights = {"sparse": self.sparse_weight, "dense": self.dense_weight}
        scores: dict[str, float] = {}
        for leg, ranking in legs.items():
            if weight := weights[leg]:
                for rank, (each, _) in enumerate(ranking, start=1):
                    scores[each] = scores.get(each, 0.0) + 1 / (self.k + rank / weight)
        return scores


class DBSF(Fusion):
    """Distribution-based score fusion, as in Qdrant.

    score(d) = Σ over the legs that found d of (s(d) - (μ - 3σ)) / 6σ

    μ and σ are the mean and the standard deviation (with n - 1) of the scores that the leg fetched.
    Where those are all equal, as where there is one, each counts 0.5.
    """

    def fuse(self, legs: Mapping[LegName, Ranking]) -> dict[str, float]:
        """Return the fused scores; see Fusion."""
        scores: dict[str, float] = {}
        for ranking in legs.values():
            for (each, _), score in zip(ranking, _distribution(ranking), strict=True):
                scores[each] = scores.get(each, 0.0) + float(score)
        return scores


class Weighted(Fusion):
    """Convex combination of min-max normalised scores (Bruch, Gai and Ingber, TOIS 2023).

    score(d) = (1 - alpha) · n_sparse(d) + alpha · n_dense(d)

    n(d) = (s(d) - min) / (max - min) over the scores that the leg fetched, 0 where the leg has not
    found d, and 1 where all scores are equal, as where there is one. A leg of weight 0 counts for
    nothing: alpha 0 ranks as the sparse leg alone, alpha 1 as the dense one.

    Attributes:
        alpha: Share of the dense leg.
    """

    alpha: float = Field(default=0.5, ge=0, le=1)

    def fuse(self, legs: Mapping[LegName, Ranking]) -> dict[str, float]:
        """Return the fused scores; see Fusion."""
        weights = {"sparse": 1 - self.alpha, "dense": self.alpha}
        scores: dict[str, float] = {}
        for leg, ranking in legs.items():
            if weight := weights[leg]:
                for (each, _), score in zip(ranking, _min_max(ranking), strict=True):
                    scores[each] = scores.get(each, 0.0) + weight * float(score)
        return scores


def _scores(ranking: Ranking) -> NDArray[np.float64]:
    return np.array([score for _, score in ranking], dtype=np.float64)


def _distribution(ranking: Ranking) -> NDArray[np.float64]:
    scores = _scores(ranking)
    deviation = float(scores.std(ddof=1)) if scores.size > 1 else 0.0
    if not deviation:
        return np.full(scores.size, 0.5)
    lowest = float(scores.mean()) - 3 * deviation
    return (scores - lowest) / (6 * deviation)


def _min_max(ranking: Ranking) -> NDArray[np.float64]:
    scores = _scores(ranking)
    lowest = float(scores.min(initial=np.inf))
    width = float(scores.max(initial=lowest)) - lowest
    return (scores - lowest) / width if width else np.ones(scores.size)
