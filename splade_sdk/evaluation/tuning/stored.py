"""A collection of pruned or quantised vectors among the temporary files, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.evaluation.engines import CollectionEngine
from splade_sdk.evaluation.searching import EngineName, own_collection
from splade_sdk.evaluation.tuning.exact_search import Leg
from splade_sdk.qdrant.base import SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import SparseBatch, SparseVector

__all__ = ["StoredForm"]

_BLOCK = 1024  # documents stored at a time
_AT_ONCE = 128  # queries of a call


class StoredForm:
    """Fills a collection, and searches it.

    Args:
        ids: Of the documents, in order.
        documents: Their vectors.
        fingerprint: The encoder.
        engine: What searches.
        datatype: Storage of weights.

    Attributes:
        index_bytes: Size of the engine's files; None where it keeps none.
    """

    def __init__(
        self,
        ids: Sequence[str],
        documents: SparseBatch,
        fingerprint: Fingerprint,
        engine: EngineName,
        datatype: str,
    ) -> None:
        layout = CollectionSettings.model_validate({"datatype": datatype})
        self._collection = own_collection(fingerprint, None, engine, layout)
        filling = CollectionEngine(self._collection)
        for start in range(0, len(documents), _BLOCK):
            part = slice(start, start + _BLOCK)
            filling.add(ids[part], documents[part])
        self._collection.optimize()
        sized = getattr(self._collection, "disk_bytes", None)
        self.index_bytes = None if sized is None else int(sized())
        self._places = {point_id(each): place for place, each in enumerate(ids)}

    def legs(self, queries: SparseBatch, depth: int) -> list[Leg]:
        """Return what each query finds.

        Args:
            queries: Of the same space.
            depth: Hits of each at most.
        """
        requests = [_request(query, depth) for query in queries]
        found = [
            points
            for start in range(0, len(requests), _AT_ONCE)
            for points in self._collection.search_batch(requests[start : start + _AT_ONCE])
        ]
        return [
            Leg(
                np.array([self._places[point.id] for point in points], dtype=np.int64),
                np.array([point.score for point in points], dtype=np.float64),
            )
            for points in found
        ]

    def search_ms(self, queries: SparseBatch, depth: int) -> float:
        """Return the median time of a search, in milliseconds; arguments are those of ``legs``."""
        seconds = []
        for query in queries:
            started = perf_counter()
            self._collection.search(_request(query, depth))
            seconds.append(perf_counter() - started)
        return 1000 * float(np.median(seconds))

    def close(self) -> None:
        """Delete it."""
        self._collection.close()


def _request(query: SparseVector, depth: int) -> SearchRequest:
    return SearchRequest(query, limit=depth, with_payload=False)
