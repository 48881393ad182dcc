"""What is searched in an evaluation: a collection of its own, or a retriever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from splade_sdk.qdrant.base import Collection, Point, SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import from_payload, to_payload
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseBatch, SparseVector

__all__ = ["CollectionEngine", "Ranking", "RetrieverEngine", "Searcher"]

Ranking = list[tuple[str, float]]


class Searcher(Protocol):
    """Finds the nearest documents by inner product."""

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """Return ids and scores of the best documents, highest score first.

        Documents that share no term with the query are not found.
        """


class CollectionEngine:
    """Fills and searches a collection.

    Args:
        collection: An empty one.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def add(self, ids: Sequence[str], vectors: SparseBatch) -> None:
        """Store vectors under their documents' ids; their texts are not needed."""
        self._collection.upsert(
            [
                Point(point_id(each), vector, to_payload(Document(each, "")))
                for each, vector in zip(ids, vectors, strict=True)
            ]
        )

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """See Searcher."""
        points = self._collection.search(SearchRequest(vector, limit=limit))
        return [(from_payload(point.payload).id, point.score) for point in points]


class RetrieverEngine:
    """Searches a retriever's collection as it is.

    Args:
        retriever: Its collection holds the dataset's documents under the dataset's ids.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    def search(self, vector: SparseVector, limit: int) -> Ranking:
        """See Searcher."""
        hits = self._retriever.search(vector, limit=limit, with_payload=False)
        return [(hit.id, hit.score) for hit in hits]
