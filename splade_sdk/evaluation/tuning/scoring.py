"""The quality of each query, and the cost, under any search settings, on cached legs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from splade_sdk.evaluation.metrics import query_metrics
from splade_sdk.evaluation.tuning.exact_search import Leg
from splade_sdk.evaluation.tuning.fusing import Candidates, candidates, fused
from splade_sdk.evaluation.tuning.legs import LegRuns
from splade_sdk.evaluation.tuning.search_space import plain
from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings

__all__ = ["SettingScorer"]


class SettingScorer:
    """Scores settings, each once.

    Args:
        runs: The legs of each query, in the order of ``qrels``.
        qrels: Relevance of judged documents, by query id and document id.
        metric: As ir-measures writes it.
        limit: Hits of a search.
    """

    def __init__(
        self, runs: LegRuns, qrels: Mapping[str, Mapping[str, int]], metric: str, limit: int
    ) -> None:
        self._runs = runs
        self._qrels = qrels
        self._metric = metric
        self._limit = limit
        self._values: dict[str, NDArray[np.float64]] = {}
        self._candidates: tuple[object, list[Candidates]] = (None, [])

    @property
    def scored(self) -> int:
        """Settings scored so far."""
        return len(self._values)

    def values(self, settings: SearchSettings) -> NDArray[np.float64]:
        """Return the metric of each query. Shape: ``(queries,)``."""
        key = plain(settings).model_dump_json()
        if key not in self._values:
            ids = self._runs.document_ids
            run = {
                query_id: list(
                    zip(
                        [ids[place] for place in leg.documents.tolist()],
                        leg.scores.tolist(),
                        strict=True,
                    )
                )
                for query_id, leg in zip(self._qrels, self.rankings(settings), strict=True)
            }
            scored = query_metrics(self._qrels, run, [self._metric])
            self._values[key] = np.array([scored[each][self._metric] for each in self._qrels])
        return self._values[key]

    def rankings(self, settings: SearchSettings) -> list[Leg]:
        """Return what a search finds for each query under these settings, best first."""
        if settings.mode == "hybrid":
            return [
                fused(found, settings.fusion, self._limit) for found in self._both_legs(settings)
            ]
        legs = self._runs.dense() if settings.mode == "dense" else self._runs.sparse(settings)
        return [Leg(each.documents[: self._limit], each.scores[: self._limit]) for each in legs]

    def bytes_read(self, settings: SearchSettings) -> float:
        """Return how much of the inverted index a search reads."""
        return 0.0 if settings.mode == "dense" else self._runs.bytes_read(settings)

    def depth(self, settings: SearchSettings) -> int:
        """Return how many hits a leg fetches."""
        if settings.mode != "hybrid":
            return self._limit
        options = SearchOptions(limit=self._limit, prefetch_limit=settings.prefetch_limit)
        return max(options.prefetch(), self._limit)

    def _both_legs(self, settings: SearchSettings) -> list[Candidates]:
        """Return the candidates of each query; those of the last settings are kept."""
        sparse = self._runs.sparse(settings)
        depth = self.depth(settings)
        key = (id(sparse), depth)
        if self._candidates[0] != key:
            self._candidates = (key, candidates(sparse, self._runs.dense(), depth))
        return self._candidates[1]
