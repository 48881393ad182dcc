"""The inverse document frequency of BM25."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["idf"]


def idf(documents: int, containing: ArrayLike) -> NDArray[np.float64]:
    """Return ``ln((n - df + 0.5) / (df + 0.5) + 1)``, which is above 0 for every df <= n.

    Robertson and Spärck Jones' weight, shifted by 1 within the logarithm as in Lucene's
    BM25Similarity and Qdrant's ``Modifier.IDF``, so that frequent terms keep a positive weight.

    Args:
        documents: n, the number of documents with any term.
        containing: df, the number of documents with each term. Shape: any.

    Returns:
        Shape: that of ``containing``.
    """
    df = np.asarray(containing, dtype=np.float64)
    weights: NDArray[np.float64] = np.log((documents - df + 0.5) / (df + 0.5) + 1)
    return weights
