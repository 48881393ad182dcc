"""Several teachers, brought to one scale and averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from splade_sdk.errors import ConfigError
from splade_sdk.training.teachers.base import ScoreArray, Teacher

__all__ = ["NORMALIZATIONS", "EnsembleTeacher"]

# Each returns (shift, scale): normalised = (score - shift) / scale.
NORMALIZATIONS: dict[str, Callable[[ScoreArray], tuple[float, float]]] = {
    "min_max": lambda scores: (float(scores.min()), float(scores.max() - scores.min())),
    "none": lambda _: (0.0, 1.0),
    "z_score": lambda scores: (float(scores.mean()), float(scores.std())),
}


class EnsembleTeacher:
    """Weighted mean of normalised scores.

    ``score(q, d) = sum over teachers k of weight_k * (score_k(q, d) - shift_k) / scale_k``, the
    weights divided by their sum, with shift and scale

    - ``z_score``: mean and standard deviation;
    - ``min_max``: minimum and range;
    - ``none``: 0 and 1.

    They are taken over each query's list (scope ``list``; a list of equal scores becomes zeros),
    or over a sample, once (scope ``sample``): then ``fit`` comes before ``score``, and a run that
    resumes has to fit on the same sample.

    Args:
        teachers: With the weight of each, greater than 0.
        normalization: Key of NORMALIZATIONS.
        scope: What shift and scale are taken over.

    Raises:
        ConfigError: if there is no teacher, a weight is not greater than 0, or there is no such
            normalisation.
    """

    def __init__(
        self,
        teachers: Sequence[tuple[Teacher, float]],
        *,
        normalization: str = "z_score",
        scope: Literal["list", "sample"] = "list",
    ) -> None:
        if not teachers or not all(weight > 0 for _, weight in teachers):
            raise ConfigError(
                f"teacher weights are {[weight for _, weight in teachers]}: expected at least one "
                "teacher, all with a weight greater than 0"
            )
        if normalization not in NORMALIZATIONS:
            raise ConfigError(
                f"no normalization {normalization!r}: expected one of "
                f"{', '.join(sorted(NORMALIZATIONS))}"
            )
        total = sum(weight for _, weight in teachers)
        self._teachers = [(teacher, weight / total) for teacher, weight in teachers]
        self._normalization = NORMALIZATIONS[normalization]
        self._scope = scope
        self._fitted: list[tuple[float, float]] | None = None

    def fit(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> None:
        """Take shift and scale of each teacher over a sample, for scope ``sample``.

        Args:
            queries: Texts.
            documents: Texts of each query; at least one document in all.
        """
        self._fitted = [
            self._normalization(np.concatenate(teacher.score(queries, documents)))
            for teacher, _ in self._teachers
        ]

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents.

        Raises:
            ConfigError: if the scope is ``sample`` and ``fit`` has not been called.
        """
        if self._scope == "sample" and self._fitted is None:
            raise ConfigError("the ensemble's scope is 'sample': call fit() before score()")
        voices = [
            [weight * self._normalized(scores, at) for scores in teacher.score(queries, documents)]
            for at, (teacher, weight) in enumerate(self._teachers)
        ]
        return [np.sum(lists, axis=0, dtype=np.float32) for lists in zip(*voices, strict=True)]

    def _normalized(self, scores: ScoreArray, teacher: int) -> ScoreArray:
        if not scores.size:
            return scores
        if self._scope == "sample" and self._fitted is not None:
            shift, scale = self._fitted[teacher]
        else:
            shift, scale = self._normalization(scores)
        return (scores - np.float32(shift)) / np.float32(scale or 1.0)
