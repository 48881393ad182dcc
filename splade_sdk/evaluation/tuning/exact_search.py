"""What a sparse leg finds, computed exactly for all queries at once; pure.

Scores are inner products in float64, rounded to float32; ties are broken by the document's id: as
in every engine. Hundreds of queries take as long as a few searches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_sdk.idf import idf as inverse_document_frequency
from splade_sdk.types import SparseBatch

__all__ = ["Leg", "document_frequencies", "exact_legs"]

_CELLS = 16_000_000  # scores computed at a time


class Leg(NamedTuple):
    """What one leg found for one query, best first.

    Attributes:
        documents: Places of the documents in the order of their ids. Shape: ``(hits,)``.
        scores: Shape: ``(hits,)``.
    """

    documents: NDArray[np.int64]
    scores: NDArray[np.float64]


def document_frequencies(documents: SparseBatch, terms: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return in how many documents each of some terms is. Shape: that of ``terms``.

    Args:
        documents: Any.
        terms: Term ids.
    """
    known, counts = np.unique(documents.indices, return_counts=True)
    if not known.size:
        return np.zeros(terms.shape, dtype=np.int64)
    places = np.minimum(np.searchsorted(known, terms), known.size - 1)
    return np.where(known[places] == terms, counts[places], 0)


def exact_legs(documents: SparseBatch, queries: SparseBatch, depth: int, *, idf: bool) -> list[Leg]:
    """Return the best documents of each query.

    Args:
        documents: In the order of their ids.
        queries: Of the same space.
        depth: Hits of a query at most.
        idf: Multiply query weights by ``ln((n - df + 0.5) / (df + 0.5) + 1)``, as engines do for
            collections of bags of words.
    """
    from scipy.sparse import csr_matrix

    terms, columns = np.unique(
        np.concatenate([documents.indices, queries.indices]), return_inverse=True
    )
    split = documents.indices.size
    weights = queries.values.astype(np.float64)
    if idf:
        filled = int(np.count_nonzero(np.diff(documents.indptr)))
        df = document_frequencies(documents, queries.indices)
        weights *= inverse_document_frequency(filled, df)
    stored = csr_matrix(
        (documents.values.astype(np.float64), columns[:split], documents.indptr),
        shape=(len(documents), terms.size),
    ).T.tocsr()
    asked = csr_matrix((weights, columns[split:], queries.indptr), shape=(len(queries), terms.size))
    step = max(1, _CELLS // max(1, len(documents)))
    return [
        _best(row, depth)
        for start in range(0, len(queries), step)
        for row in (asked[start : start + step] @ stored).toarray().astype(np.float32)
    ]


def _best(scores: NDArray[np.float32], depth: int) -> Leg:
    found = np.flatnonzero(scores)
    if found.size > depth:
        lowest = np.partition(scores[found], found.size - depth)[found.size - depth]
        found = found[scores[found] >= lowest]
    order = found[np.argsort(-scores[found], kind="stable")][:depth]
    return Leg(order, scores[order].astype(np.float64))
