"""How sparse vectors are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SparsityStats"]


@dataclass(frozen=True, slots=True)
class SparsityStats:
    """How sparse a batch is.

    Attributes:
        rows: Number of vectors.
        active_dims: Mean number of active terms a vector.
        active_dims_min: Fewest active terms of any vector.
        active_dims_max: Most active terms of any vector.
        empty: Number of vectors without any term.
        sparsity_ratio: Share of zeros among all weights, between 0 and 1.
    """

    rows: int
    active_dims: float
    active_dims_min: int
    active_dims_max: int
    empty: int
    sparsity_ratio: float
