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
    """Base of all fusions: each adds up what the legs give."""

    @abstractmethod
    def leg_scores(self, leg: LegName, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return what a leg gives to each of its hits; None if it counts for nothing.

        Args:
            leg: Which leg.
            scores: The scores of its hits, best first. Shape: ``(hits,)``.
        """

    def fuse(self, legs: Mapping[LegName, Ranking]) -> dict[str, float]:
        """Return the fused score of every id that a leg of some weight has found.

        Args:
            legs: The ranking of each leg.
        """
        fused: dict[str, float] = {}
        for leg, ranking in legs.items():
            scores = np.array([score for _, score in ranking], dtype=np.float64)
            given = self.leg_scores(leg, scores)
            if given is not None:
                for (each, _), score in zip(ranking, given.tolist(), strict=True):
                    fused[each] = fused.get(each, 0.0) + score
        return fused


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

    def leg_scores(self, leg: LegName, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """See Fusion."""
        weight = self.sparse_weight if leg == "sparse" else self.dense_weight
        if not weight:
            return None
        # A weight that is next to nothing makes the quotient infinite, and its share 0.
        with np.errstate(over="ignore"):
            ranks = np.arange(1, scores.size + 1, dtype=np.float64)
            given: NDArray[np.float64] = 1 / (self.k + ranks / weight)
        return given


class DBSF(Fusion):
    """Distribution-based score fusion, as in Qdrant.

    score(d) = Σ over the legs that found d of (s(d) - (μ - 3σ)) / 6σ

    μ and σ are the mean and the standard deviation (with n - 1) of the scores that the leg fetched.
    Where those are all equal, as where there is one, each counts 0.5.
    """

    def leg_scores(
        self,
        leg: LegName,  # noqa: ARG002 - both legs count alike
        scores: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """See Fusion."""
        deviation = float(scores.std(ddof=1)) if scores.size > 1 else 0.0
        if not deviation:
            return np.full(scores.size, 0.5)
        lowest = float(scores.mean()) - 3 * deviation
        return (scores - lowest) / (6 * deviation)


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

    def leg_scores(self, leg: LegName, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """See Fusion."""
        weight = self.alpha if leg == "dense" else 1 - self.alpha
        if not weight:
            return None
        lowest = float(scores.min(initial=np.inf))
        width = float(scores.max(initial=lowest)) - lowest
        normalised = (scores - lowest) / width if width else np.ones(scores.size)
        given: NDArray[np.float64] = weight * normalised
        return given
