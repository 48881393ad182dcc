"""Chooses settings by some queries, and tells by the others what the choice is worth; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_sdk.evaluation.tuning.search_space import TuningSpace, plain
from splade_sdk.retrieval.search.options import Mode, SearchSettings

__all__ = ["Chooser", "CrossValidated", "cross_validate"]

_ROUNDS = 3
_SAME = 1e-9  # differences of means below it are rounding

Values = Callable[[SearchSettings], NDArray[np.float64]]


class CrossValidated(NamedTuple):
    """What settings are worth that were chosen without the queries they are judged by.

    Attributes:
        values: Metric of each query, by the settings that the other folds chose. Shape:
            ``(queries,)``.
        choices: What the other folds of each fold chose.
    """

    values: NDArray[np.float64]
    choices: tuple[SearchSettings, ...]


class Chooser:
    """Searches settings by coordinates: the best of each axis in turn, until nothing improves.

    Args:
        space: What is tried.
        modes: What the retriever can search by.
        start: Where to start: what is searched by default.
        values: Metric of each query under some settings. Shape: ``(queries,)``.
        cost: What a search costs under some settings.
        tolerance: Mean of the metric that may be lost to make searches cheaper.
    """

    def __init__(
        self,
        space: TuningSpace,
        modes: Sequence[Mode],
        start: SearchSettings,
        values: Values,
        cost: Callable[[SearchSettings], float],
        tolerance: float,
    ) -> None:
        self._space = space
        self._axes = space.axes(modes)
        self.start = start
        self._values = values
        self._cost = cost
        self._tolerance = tolerance

    def choose(self, rows: NDArray[np.int64]) -> SearchSettings:
        """Return the settings that are best for some queries.

        Args:
            rows: Positions of the queries that may be looked at.
        """

        def mean(settings: SearchSettings) -> float:
            return float(self._values(settings)[rows].mean())

        best = self.start
        for _ in range(_ROUNDS):
            before = best
            for axis in self._axes:
                for option in axis(best):
                    if mean(option) > mean(best) + _SAME:
                        best = option
            if best == before:
                break
        if not self._tolerance:
            return plain(best)
        lowest = mean(best) - self._tolerance - _SAME
        for others in (self._space.prunings, self._space.storages):
            enough = [each for each in others(best) if mean(each) >= lowest]
            best = min(enough, key=lambda each: (self._cost(each), -mean(each)), default=best)
        return plain(best)


def cross_validate(
    chooser: Chooser, values: Values, queries: int, folds: int, seed: int
) -> CrossValidated:
    """Choose settings once for each fold, by the queries of the others.

    Args:
        chooser: Chooses.
        values: Metric of each query under some settings.
        queries: How many there are.
        folds: Parts they are dealt out to, at random.
        seed: Of the dealing.
    """
    order = np.random.default_rng(seed).permutation(queries)
    held_out = np.zeros(queries, dtype=np.float64)
    choices = []
    for fold in range(folds):
        rows = np.sort(order[fold::folds])
        others = np.setdiff1d(np.arange(queries), rows)
        chosen = chooser.choose(others)
        held_out[rows] = values(chosen)[rows]
        choices.append(chosen)
    return CrossValidated(held_out, tuple(choices))
