"""What a teacher is: it scores the documents of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["ScoreArray", "Teacher"]

ScoreArray = NDArray[np.float32]


class Teacher(Protocol):
    """Scores documents for queries; higher is more relevant."""

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents.

        Args:
            queries: Texts.
            documents: Texts of each query, of any number.

        Returns:
            Finite numbers. Shape: ``(len(documents[i]),)`` each.
        """
