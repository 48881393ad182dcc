"""The searches of an AsyncRetriever."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.retrieval.fusion import Fusion, LegName
from splade_sdk.retrieval.query_vectors import Mode, Query, require_queries
from splade_sdk.types import Explanation, Hit, HitGroup, HybridBatch, SparseBatch

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["AsyncSearchMethods"]


class AsyncSearchMethods(ABC):
    """Base of AsyncRetriever: what finds documents."""

    @abstractmethod
    async def _call(self, method: str, **arguments: object) -> Any:
        """Run a method of Retriever."""

    async def search(
        self,
        query: Query,
        *,
        limit: int = 10,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
        score_threshold: float | None = None,
        leg_thresholds: Mapping[LegName, float] | None = None,
        offset: int = 0,
        with_payload: bool | Sequence[str] = True,
        with_vectors: bool = False,
        two_step: TwoStep | None = None,
    ) -> list[Hit]:
        """Return the best documents for a query; see ``Retriever.search``."""
        hits: list[Hit] = await self._call(
            "search",
            query=query,
            limit=limit,
            filter=filter,
            mode=mode,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        return hits

    async def search_batch(
        self,
        queries: Sequence[Query] | SparseBatch | HybridBatch,
        *,
        limit: int = 10,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
        score_threshold: float | None = None,
        leg_thresholds: Mapping[LegName, float] | None = None,
        offset: int = 0,
        with_payload: bool | Sequence[str] = True,
        with_vectors: bool = False,
        two_step: TwoStep | None = None,
    ) -> list[list[Hit]]:
        """Answer several queries, in order, with one encoding; see ``Retriever.search_batch``."""
        hits: list[list[Hit]] = await self._call(
            "search_batch",
            queries=require_queries(queries),
            limit=limit,
            filter=filter,
            mode=mode,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        return hits

    async def explain(
        self,
        query: Query,
        hit: Hit | str,
        *,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
    ) -> Explanation:
        """Return what each shared term gave to a document's score; see ``Retriever.explain``."""
        explanation: Explanation = await self._call(
            "explain",
            query=query,
            hit=hit,
            mode=mode,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
        )
        return explanation

    async def search_groups(
        self,
        query: Query,
        *,
        group_by: str,
        limit: int = 10,
        group_size: int = 3,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
        score_threshold: float | None = None,
        leg_thresholds: Mapping[LegName, float] | None = None,
        with_payload: bool | Sequence[str] = True,
        with_vectors: bool = False,
        two_step: TwoStep | None = None,
    ) -> list[HitGroup]:
        """Return the best documents of the best groups; see ``Retriever.search_groups``."""
        groups: list[HitGroup] = await self._call(
            "search_groups",
            query=query,
            group_by=group_by,
            limit=limit,
            group_size=group_size,
            filter=filter,
            mode=mode,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        return groups

    async def recommend(
        self,
        positive: str | Sequence[str],
        *,
        negative: str | Sequence[str] = (),
        limit: int = 10,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
        score_threshold: float | None = None,
        leg_thresholds: Mapping[LegName, float] | None = None,
        offset: int = 0,
        with_payload: bool | Sequence[str] = True,
        with_vectors: bool = False,
        two_step: TwoStep | None = None,
    ) -> list[Hit]:
        """Return the documents that are most like stored ones; see ``Retriever.recommend``."""
        hits: list[Hit] = await self._call(
            "recommend",
            positive=positive,
            negative=negative,
            limit=limit,
            filter=filter,
            mode=mode,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        return hits
