"""Which settings are tried, and along which axes they are searched; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from pydantic import ConfigDict

from splade_sdk.retrieval.search.fusion import DBSF, RRF, Fusion, Weighted
from splade_sdk.retrieval.search.options import Mode, SearchSettings
from splade_sdk.settings import Settings

__all__ = ["DEFAULT_FUSIONS", "Axis", "TuningSpace", "plain"]

Axis = Callable[[SearchSettings], list[SearchSettings]]
Datatype = Literal["float32", "float16", "uint8"]

_WEIGHTS = ((1.0, 1.0), (1.0, 2.0), (1.0, 4.0), (2.0, 1.0), (4.0, 1.0))  # sparse, dense

DEFAULT_FUSIONS: tuple[Fusion, ...] = (
    *(
        RRF(k=k, sparse_weight=sparse, dense_weight=dense)
        for k in (60, 0, 5, 10, 20, 100)
        for sparse, dense in _WEIGHTS
    ),
    DBSF(),
    *(Weighted(alpha=tenths / 10) for tenths in range(1, 10)),
)
"""RRF by k and weights, DBSF, and Weighted by alpha: 40 of them."""


class TuningSpace(Settings):
    """The values that are tried.

    What is searched by default is always tried too. Of values that are equally good, the one that
    comes first here is taken: put what you would rather have first.

    Attributes:
        fusions: How hybrid searches fuse.
        prefetch_limits: Hits of each leg that are fused; None for the default.
        query_max_active_dims: Terms that queries keep; None for all.
        document_max_active_dims: Terms that documents keep; None for all.
        datatypes: Storage of the sparse weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    fusions: tuple[Fusion, ...] = DEFAULT_FUSIONS
    prefetch_limits: tuple[int | None, ...] = (None, 20, 50, 200)
    query_max_active_dims: tuple[int | None, ...] = (None, 32, 16, 8)
    document_max_active_dims: tuple[int | None, ...] = (None, 96, 64, 32)
    datatypes: tuple[Datatype, ...] = ("float32", "float16", "uint8")

    def axes(self, modes: Sequence[Mode]) -> tuple[Axis, ...]:
        """Return the axes that quality is searched along.

        Each gives what may be tried in the place of some settings.

        Args:
            modes: What the retriever can search by.
        """
        return (partial(self._rankings, modes), self._depths, self._queries, self._documents)

    def prunings(self, at: SearchSettings) -> list[SearchSettings]:
        """Return the settings that differ in what queries and documents keep."""
        return [stored for asked in self._queries(at) for stored in self._documents(asked)]

    def storages(self, at: SearchSettings) -> list[SearchSettings]:
        """Return the settings that differ in the type of weights."""
        if at.mode == "dense":
            return [at]
        # The default of all collections needs no name.
        named = [None if each == "float32" else each for each in self.datatypes]
        return [_with(at, datatype=each) for each in named]

    def _rankings(self, modes: Sequence[Mode], at: SearchSettings) -> list[SearchSettings]:
        fused = [_with(at, mode="hybrid", fusion=each) for each in self.fusions]
        single = [plain(_with(at, mode=each)) for each in modes if each != "hybrid"]
        return [*(fused if "hybrid" in modes else []), *single]

    def _depths(self, at: SearchSettings) -> list[SearchSettings]:
        if at.mode != "hybrid":
            return [at]
        return [_with(at, prefetch_limit=each) for each in self.prefetch_limits]

    def _queries(self, at: SearchSettings) -> list[SearchSettings]:
        if at.mode == "dense":
            return [at]
        return [_with(at, query_max_active_dims=each) for each in self.query_max_active_dims]

    def _documents(self, at: SearchSettings) -> list[SearchSettings]:
        if at.mode == "dense":
            return [at]
        return [_with(at, document_max_active_dims=each) for each in self.document_max_active_dims]


def plain(settings: SearchSettings) -> SearchSettings:
    """Return settings without what makes no difference in their mode."""
    if settings.mode == "hybrid":
        return settings
    if settings.mode == "dense":
        return SearchSettings(mode="dense")
    return _with(settings, fusion=RRF(), prefetch_limit=None)


def _with(settings: SearchSettings, **values: object) -> SearchSettings:
    return settings.model_copy(update=values)
