"""What is searched in an evaluation: a retriever, or every document, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from splade_sdk.errors import EngineError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseBatch, SparseVector

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csc_matrix

__all__ = ["Engine", "ExactEngine", "RetrieverEngine"]

Ranking = list[tuple[str, float]]


class Engine(Protocol):
    """Stores vectors and finds the nearest by inner product."""

    def add(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """Store vectors under their documents' ids, which are distinct."""

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """Return ids and scores of the best documents, highest score first.

        Documents that share no term with the query are not found.
        """


class RetrieverEngine:
    """Stores and searches by a retriever.

    Args:
        retriever: With a collection of its own, or one that is only searched.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    def add(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """Store vectors; their texts are not needed.

        Raises:
            EngineError: if the engine did not store them all.
        """
        documents = [
            Document(each, "", vector=vector) for each, vector in zip(ids, vectors, strict=True)
        ]
        report = self._retriever.upsert(documents, batch_size=1024, show_progress_bar=False)
        if report.failed:
            failed = sum(len(batch.ids) for batch in report.failed)
            cause = report.failed[0].cause
            raise EngineError(
                f"{failed} of {len(ids)} documents could not be stored: {cause}"
            ) from cause

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """See Engine."""
        hits = self._retriever.search(vector, limit=limit, with_payload=False)
        return [(hit.id, hit.score) for hit in hits]


class ExactEngine:
    """Scores every document in float64, in memory: the reference for all engines.

    Args:
        idf: Multiply query weights by ``ln((n - df + 0.5) / (df + 0.5) + 1)``, as Qdrant's IDF
            modifier does; df of the n documents have the term.
    """

    def __init__(self, *, idf: bool) -> None:
        self._idf = idf
        self._ids: list[str] = []
        self._blocks: list[SparseBatch] = []

    def add(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """See Engine; nothing can be added after the first search."""
        self._ids.extend(ids)
        self._blocks.append(vectors)

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """See Engine; ties are ordered by document id."""
        if not self._blocks:
            return []
        terms, weights, matrix = self._index
        known, mine, columns = np.intersect1d(
            vector.indices, terms, assume_unique=True, return_indices=True
        )
        query = vector.values[mine].astype(np.float64) * weights[columns]
        scores = matrix[:, columns] @ query if known.size else np.zeros(len(self._ids))
        found = np.flatnonzero(scores > 0)
        if found.size > limit:
            lowest = np.partition(scores[found], -limit)[-limit]
            found = found[scores[found] >= lowest]
        ranking = [(self._ids[at], float(scores[at])) for at in found]
        return sorted(ranking, key=lambda hit: (-hit[1], hit[0]))[:limit]

    @cached_property
    def _index(self) -> tuple[NDArray[np.int32], NDArray[np.float64], csc_matrix]:
        """Terms in use, their weight in a query, and the documents with a column for each."""
        from scipy.sparse import csc_matrix, csr_matrix

        vectors = SparseBatch.concat(self._blocks)
        terms, columns, df = np.unique(vectors.indices, return_inverse=True, return_counts=True)
        matrix = csc_matrix(
            csr_matrix(
                (vectors.values.astype(np.float64), columns, vectors.indptr),
                shape=(len(vectors), terms.size),
            )
        )
        idf = np.log((len(vectors) - df + 0.5) / (df + 0.5) + 1)
        return terms, idf if self._idf else np.ones(terms.size), matrix
