"""How many terms the vectors of one side activate, counted block by block."""

from __future__ import annotations

from collections import Counter

import numpy as np

from splade_sdk.types import SparseBatch

__all__ = ["ActiveTerms"]


class ActiveTerms:
    """Counts active terms over a stream of vectors.

    Attributes:
        rows: Vectors seen.
        empty: Vectors seen without any term.
        active: Active terms seen, over all vectors.
        lengths: Vectors seen by their number of active terms.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.empty = 0
        self.active = 0
        self.lengths: Counter[int] = Counter()
        self._rows_with: Counter[int] = Counter()

    def add(self, batch: SparseBatch) -> None:
        """Count the vectors of a batch."""
        self.rows += len(batch)
        self.active += int(batch.indices.size)
        self.lengths.update(np.diff(batch.indptr).tolist())
        self.empty = self.lengths[0]
        terms, counts = np.unique(batch.indices, return_counts=True)
        self._rows_with.update(dict(zip(terms.tolist(), counts.tolist(), strict=True)))

    @property
    def active_dims(self) -> float:
        """Mean number of active terms a vector; 0 where there is none."""
        return self.active / self.rows if self.rows else 0.0

    def flops(self, other: ActiveTerms) -> float:
        """Return the expected number of terms that a vector of each side share.

            FLOPS = sum over terms j of p_j * p'_j

        where p_j and p'_j are the shares of either side's vectors with term j active (SPLADE v2,
        arXiv 2109.10086, section 4). It is the mean, over all pairs, of the multiplications that
        one inner product takes.

        Args:
            other: The documents, if this is the queries.
        """
        if not self.rows or not other.rows:
            return 0.0
        shared = sum(rows * other._rows_with[term] for term, rows in self._rows_with.items())
        return shared / (self.rows * other.rows)
