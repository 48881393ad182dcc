"""Searches by ready-made vectors over a bare collection, as a retriever makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from splade_sdk.qdrant.base import Collection
from splade_sdk.retrieval.search import groups, run
from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings
from splade_sdk.retrieval.search.query import LegQueries, LegQuery
from splade_sdk.types import Hit, HitGroup

__all__ = ["Vectors", "search", "search_groups"]


class Vectors(NamedTuple):
    """The vector of each leg of a query, by name, and whether they are fused."""

    legs: Mapping[str, Any]
    fused: bool

    def job(self, collection: Collection, options: SearchOptions) -> run.Job:
        specs = {spec.name: spec for spec in collection.contract.legs}
        legs = tuple(LegQuery(specs[name], vector) for name, vector in self.legs.items())
        return run.Job(LegQueries(legs, self.fused), options, SearchSettings())


def search(
    collection: Collection, queries: Sequence[Vectors], options: SearchOptions
) -> list[list[Hit]]:
    return run.search(collection, [each.job(collection, options) for each in queries])


def search_groups(
    collection: Collection, query: Vectors, options: SearchOptions, *, path: str, group_size: int
) -> list[HitGroup]:
    job = query.job(collection, options)
    return groups.search_groups(collection, job, path=path, group_size=group_size)
