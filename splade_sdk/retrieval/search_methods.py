"""The searches of a retriever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.payload import metadata_path
from splade_sdk.qdrant.two_step import TwoStep
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.explain import Explainer
from splade_sdk.retrieval.fusion import Fusion, LegName
from splade_sdk.retrieval.query_vectors import Mode, Query, query_vectors, require_queries
from splade_sdk.retrieval.requests import (
    require_ids,
    require_instance,
    require_leg_thresholds,
    require_page,
    require_payload_fields,
)
from splade_sdk.retrieval.results import found_by
from splade_sdk.retrieval.search import SearchOptions, search
from splade_sdk.types import Explanation, Hit, HitGroup, HybridBatch, SparseBatch
from splade_sdk.types.arguments import require_whole

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["SearchMethods"]


class SearchMethods:
    """Base of Retriever: what finds documents."""

    _connection: Connection

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that ``search`` can take for a text: the last one is its default.

        Raises:
            CollectionNotFoundError: if nothing has been upserted yet.
            EngineError: if the engine fails.
        """
        has_dense = self._connection.open().contract.dense is not None
        if has_dense and self._connection.encoding.dense is not None:
            return ("sparse", "dense", "hybrid")
        return ("sparse",)

    def search(
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
        """Return the best documents for a query, highest score first, ties by id.

        A ``sparse`` search scores by the inner product of the sparse vectors, and does not find
        documents that share no term with the query. A ``dense`` search scores by what the
        collection compares dense vectors by, cosine unless its settings say otherwise. A
        ``hybrid`` search does both, its two legs, and fuses what each finds; ``Hit.legs`` tells
        the rank and score of a hit in each leg that found it. A blank query finds nothing.

        Args:
            query: A text, or ready-made vectors of the collection's models: a SparseVector, a
                dense array, or a HybridVector.
            limit: Hits wanted at most, at least 1.
            filter: Conditions on the metadata, as in ``{"year": 2024}``, or Qdrant's own Filter;
                each leg finds only documents that meet them.
            mode: ``sparse``, ``dense`` or ``hybrid``; None for what the retriever's search settings
                say, or ``hybrid`` where the collection has dense vectors and there is an encoder
                for them, else ``sparse``. Ready-made vectors are searched by what they are.
            fusion: How a hybrid search fuses its legs: RRF, DBSF or Weighted; None for what the
                search settings say, RRF unless they say otherwise.
            prefetch_limit: Hits of each leg that a hybrid search fuses; None for what the search
                settings say, or max(100, 4 · limit), or as many as the page needs. Pages of one
                ranking need the same one: beyond the hundredth hit, set it.
            score_threshold: Lowest ``Hit.score`` wanted, inclusive; of a hybrid search, the fused
                score.
            leg_thresholds: Lowest score in a leg, inclusive, as in ``{"dense": 0.5}``: what is
                below is not found by that leg.
            offset: Hits to skip from the top.
            with_payload: Return text and metadata: all, nothing, or only these fields, where
                ``text`` is the text and anything else a field of the metadata.
            with_vectors: Return the stored vectors.
            two_step: Let the sparse leg choose candidates by pruned vectors first, for speed; the
                collection needs them (``CollectionSettings.pruned``).

        Raises:
            InvalidInputError: if an argument is out of range or the filter has the wrong shape.
            InvalidTypeError: if an argument has the wrong type.
            ConfigError: if there is no dense encoder, and the mode needs one.
            CollectionNotFoundError: if nothing has been upserted yet.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        return self.search_batch(
            [query],
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
        )[0]

    def search_batch(
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
        """Answer several queries, in order, with one encoding.

        All legs of up to 128 queries are one call of the engine. Where the hits are to be read
        after fusing or skipping others, that is a second one, also for all of them. Takes and
        raises what ``search`` does.
        """
        checked = require_queries(queries)
        options = self._options(
            limit=limit,
            filter=filter,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        collection = self._connection.open()
        asked = query_vectors(checked, mode, self._connection.encoding, collection.contract)
        found = search(collection, asked, options) if asked else []
        return [
            found_by(hits, Explainer(self._connection, query, its, options))
            for hits, query, its in zip(found, checked, asked, strict=True)
        ]

    def explain(
        self,
        query: Query,
        hit: Hit | str,
        *,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        prefetch_limit: int | None = None,
    ) -> Explanation:
        """Return what each shared term gave to a document's score, and where it comes from.

        A hit of a search explains itself (``Hit.explain``); this explains any document, also one
        that a search does not find, and hits that were copied or pickled.

        Args:
            query: What was searched for.
            hit: What was found; or the id of any document.
            mode: As in the search.
            fusion: As in the search.
            prefetch_limit: As in the search.

        Raises:
            DocumentNotFoundError: if there is no such document.
            EngineError: if the engine fails; and what ``search`` raises of its arguments.
        """
        options = SearchOptions(
            fusion=self._fusion(fusion), prefetch_limit=self._depth(prefetch_limit, 0)
        )
        checked = require_queries([query])
        contract = self._connection.open().contract
        (asked,) = query_vectors(checked, mode, self._connection.encoding, contract)
        return Explainer(self._connection, checked[0], asked, options)(hit)

    def search_groups(
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
        """Return the best documents of the best groups, such as the best passages of each book.

        Groups are in the order of their best hits. A document is in the group of each value that
        it has of the field, and in none if it has none, or one that is no string or whole number.
        Scores are those of ``search``; hits that were found by filters, to fill a group far down in
        a ranking, have no ``legs``.

        Args:
            query: As in ``search``.
            group_by: Field of the metadata, such as ``book`` or ``parent.id``.
            limit: Groups wanted at most.
            group_size: Hits of a group at most.
            filter: As in ``search``, also for the rest.
            mode: By which vectors.
            fusion: How a hybrid search fuses its legs.
            prefetch_limit: Hits of each leg that a hybrid search fuses and groups; None for as many
                as show ``limit`` groups, within bounds.
            score_threshold: Lowest ``Hit.score`` wanted, inclusive.
            leg_thresholds: Lowest score in a leg, inclusive.
            with_payload: Which of text and metadata to return.
            with_vectors: Return the stored vectors.
            two_step: Let the sparse leg choose candidates by pruned vectors first.

        Raises:
            InvalidInputError: as in ``search``, and if ``group_by`` names no field.
            InvalidTypeError: as in ``search``, also for the rest.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        from splade_sdk.retrieval.groups import search_groups

        require_whole(group_size, "group_size", 1)
        require_instance(group_by, "group_by", str, "the name of a field")
        options = self._options(
            limit=limit,
            filter=filter,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=0,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
            tuned=False,  # how deep to look depends on the groups
        )
        collection = self._connection.open()
        [asked] = query_vectors(
            require_queries([query]), mode, self._connection.encoding, collection.contract
        )
        path = metadata_path(group_by)
        groups = search_groups(collection, asked, options, path=path, group_size=group_size)
        explainer = Explainer(self._connection, query, asked, options)
        for group in groups:
            found_by(group.hits, explainer)
        return groups

    def recommend(
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
        """Return documents that are like some stored ones, and unlike others; not those themselves.

        The query is the mean of their vectors: mean(positive), or, with negative ones,
        2 · mean(positive) - mean(negative), where sparse weights of 0 and below are dropped. No
        text is encoded.

        Args:
            positive: Id of a document, or several.
            negative: Ids of documents that are unlike what is looked for.
            limit: As in ``search``, also for the rest.
            filter: Conditions on the metadata.
            mode: By which vectors; None for ``hybrid`` where the collection has dense ones.
            fusion: How a hybrid search fuses its legs.
            prefetch_limit: Hits of each leg that a hybrid search fuses.
            score_threshold: Lowest ``Hit.score`` wanted, inclusive.
            leg_thresholds: Lowest score in a leg, inclusive.
            offset: Hits to skip from the top.
            with_payload: Which of text and metadata to return.
            with_vectors: Return the stored vectors.
            two_step: Let the sparse leg choose candidates by pruned vectors first.

        Raises:
            InvalidInputError: as in ``search``, and if a document is not stored.
            InvalidTypeError: as in ``search``, also for the rest.
            CollectionMismatchError: if the collection lacks the vectors that are asked for.
            EngineError: if the engine fails.
        """
        from splade_sdk.retrieval.examples import by_examples, without

        options = self._options(
            limit=limit,
            filter=filter,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=leg_thresholds,
            offset=offset,
            with_payload=with_payload,
            with_vectors=with_vectors,
            two_step=two_step,
        )
        liked, unliked = (
            [ids] if isinstance(ids, str) else require_ids(ids) for ids in (positive, negative)
        )
        collection = self._connection.open()
        asked = by_examples(collection, liked, unliked, mode)
        others = replace(options, filter=without([*liked, *unliked], options.filter))
        explainer = Explainer(self._connection, None, asked, others)
        return found_by(search(collection, [asked], others)[0], explainer)

    def _options(
        self,
        *,
        limit: int,
        filter: Mapping[str, Any] | models.Filter | None,  # noqa: A002 - Qdrant's name
        fusion: Fusion | None,
        prefetch_limit: int | None,
        score_threshold: float | None,
        leg_thresholds: Mapping[LegName, float] | None,
        offset: int,
        with_payload: bool | Sequence[str],
        with_vectors: bool,
        two_step: TwoStep | None,
        tuned: bool = True,
    ) -> SearchOptions:
        require_page(limit, offset, score_threshold)
        if prefetch_limit is not None:
            require_whole(prefetch_limit, "prefetch_limit", 1)
        if two_step is not None:
            require_instance(two_step, "two_step", TwoStep, "TwoStep() or None")
        return SearchOptions(
            limit=limit,
            offset=offset,
            filter=to_filter(filter),
            fusion=self._fusion(fusion),
            prefetch_limit=self._depth(prefetch_limit, offset + limit) if tuned else prefetch_limit,
            score_threshold=score_threshold,
            leg_thresholds=require_leg_thresholds(leg_thresholds),
            with_payload=require_payload_fields(with_payload),
            with_vectors=with_vectors,
            two_step=two_step,
        )

    def _fusion(self, given: Fusion | None) -> Fusion:
        if given is None:
            return self._connection.search_settings.fusion
        require_instance(given, "fusion", Fusion, "RRF(), DBSF() or Weighted()")
        return given

    def _depth(self, given: int | None, wanted: int) -> int | None:
        """Return how many hits each leg fetches: as the call or the search settings say."""
        its = self._connection.search_settings.prefetch_limit
        return max(its, wanted) if given is None and its is not None else given
