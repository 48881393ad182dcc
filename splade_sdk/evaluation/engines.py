"""What is searched in an evaluation: a collection of its own, or a retriever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from splade_sdk.qdrant.base import Collection, Point
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings
from splade_sdk.retrieval.search.query import vector_legs
from splade_sdk.retrieval.search.run import Job, search
from splade_sdk.types import Document, HybridVector, SparseVector
from splade_sdk.types.arrays import FloatArray

__all__ = [
    "CollectionEngine",
    "QueryVector",
    "Ranking",
    "RetrieverEngine",
    "Searcher",
    "VectorFusion",
]

Ranking = list[tuple[str, float]]

QueryVector = SparseVector | FloatArray | HybridVector
"""A query as it is searched by; what it is says the mode."""


@dataclass(frozen=True, slots=True)
class VectorFusion:
    """How a hybrid search fuses its legs; see ``Retriever.search``."""

    fusion: Fusion = field(default_factory=RRF)
    prefetch_limit: int | None = None


class Searcher(Protocol):
    """Finds the nearest documents."""

    def search(self, vector: QueryVector, limit: int) -> Ranking:
        """Return ids and scores of the best documents, highest score first.

        Documents that share no term with a sparse query are not found by it.
        """


class CollectionEngine:
    """Fills and searches a collection.

    Args:
        collection: An empty one.
        fused: How hybrid searches fuse their legs.
    """

    def __init__(self, collection: Collection, fused: VectorFusion | None = None) -> None:
        self._collection = collection
        self._fused = fused or VectorFusion()

    def add(
        self,
        ids: Sequence[str],
        vectors: Sequence[SparseVector],
        dense: Sequence[FloatArray | None] | None = None,
    ) -> None:
        """Store vectors under their documents' ids; their texts are not needed."""
        rows = dense if dense is not None else [None] * len(ids)
        self._collection.upsert(
            [
                Point(point_id(each), vector, to_payload(Document(each, "")), row)
                for each, vector, row in zip(ids, vectors, rows, strict=True)
            ]
        )

    def search(self, vector: QueryVector, limit: int) -> Ranking:
        """See Searcher."""
        options = SearchOptions(
            limit=limit,
            fusion=self._fused.fusion,
            prefetch_limit=self._fused.prefetch_limit,
            with_payload=False,
        )
        legs = vector_legs(vector, self._collection.contract)
        (hits,) = search(self._collection, [Job(legs, options, SearchSettings())])
        return [(hit.id, hit.score) for hit in hits]


class RetrieverEngine:
    """Searches a retriever's collection as it is.

    Args:
        retriever: Its collection holds the dataset's documents under the dataset's ids.
        fused: How hybrid searches fuse their legs.
    """

    def __init__(self, retriever: Retriever, fused: VectorFusion | None = None) -> None:
        self._retriever = retriever
        self._fused = fused or VectorFusion()

    def search(self, vector: QueryVector, limit: int) -> Ranking:
        """See Searcher."""
        hits = self._retriever.search(
            vector,
            limit=limit,
            with_payload=False,
            fusion=self._fused.fusion,
            prefetch_limit=self._fused.prefetch_limit,
        )
        return [(hit.id, hit.score) for hit in hits]
