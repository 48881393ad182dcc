"""A Haystack component that finds documents of a SpladeDocumentStore."""

from __future__ import annotations

import asyncio
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from splade_integrations.haystack.document_store import SpladeDocumentStore
from splade_sdk.errors import InvalidTypeError
from splade_sdk.retrieval.search.fusion import Fusion, fusion_from_dict, fusion_to_dict
from splade_sdk.retrieval.search.options import Mode

__all__ = ["SpladeRetriever"]


@component
class SpladeRetriever:
    """Finds the best documents for a query's text; no embedder is needed before it.

    Args:
        document_store: Where the documents are.
        filters: Haystack's filters on the metadata.
        top_k: Documents wanted at most.
        score_threshold: Lowest score wanted, inclusive.
        mode: ``sparse``, ``dense`` or ``hybrid``; None for ``hybrid`` where the store has dense
            vectors, else ``sparse``.
        fusion: How a hybrid search fuses its legs: RRF, DBSF or Weighted.
        filter_policy: Whether the filters of a run replace those given here, or are added to them.

    Raises:
        InvalidTypeError: if ``document_store`` is another store.

    Example:
        >>> store = SpladeDocumentStore(path="./index")  # doctest: +SKIP
        >>> store.write_documents([Document(content="heart attack")])
        >>> SpladeRetriever(store, top_k=3).run("cardiac arrest")["documents"]
    """

    def __init__(
        self,
        document_store: SpladeDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        score_threshold: float | None = None,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        filter_policy: FilterPolicy = FilterPolicy.REPLACE,
    ) -> None:
        given: object = document_store
        if not isinstance(given, SpladeDocumentStore):
            raise InvalidTypeError(
                f"document_store is {type(given).__name__}: expected SpladeDocumentStore; for a "
                "QdrantDocumentStore use SpladeSparseTextEmbedder with its own "
                "QdrantSparseEmbeddingRetriever"
            )
        self._document_store = document_store
        self._filters = filters
        self._top_k = top_k
        self._score_threshold = score_threshold
        self._mode = mode
        self._fusion = fusion
        self._filter_policy = filter_policy

    def warm_up(self) -> None:
        """Load the store's model; doing it twice is harmless."""
        self._document_store.warm_up()

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        score_threshold: float | None = None,
    ) -> dict[str, list[Document]]:
        """Return the best documents with their scores, highest first.

        Args:
            query: A text.
            filters: Haystack's filters on the metadata.
            top_k: Documents wanted at most; None for what the component was made with.
            score_threshold: Lowest score wanted; None for what the component was made with.

        Raises:
            FilterError: if the filters have the wrong shape.
            InvalidInputError: if an argument is out of range.
            ConfigError: if the mode needs dense vectors, and nothing makes them.
            EngineError: if the engine fails.
        """
        found = self._document_store.search(
            query,
            filters=apply_filter_policy(self._filter_policy, self._filters, filters),
            top_k=self._top_k if top_k is None else top_k,
            score_threshold=self._score_threshold if score_threshold is None else score_threshold,
            mode=self._mode,
            fusion=self._fusion,
        )
        return {"documents": found}

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query: str,
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
        score_threshold: float | None = None,
    ) -> dict[str, list[Document]]:
        """Return the best documents, searched in a thread; see ``run``."""
        return await asyncio.to_thread(self.run, query, filters, top_k, score_threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return what a pipeline's file holds of this component.

        Raises:
            SerializationError: if the store was given an encoder instead of a model's name.
        """
        return default_to_dict(
            self,
            document_store=self._document_store,
            filters=self._filters,
            top_k=self._top_k,
            score_threshold=self._score_threshold,
            mode=self._mode,
            fusion=None if self._fusion is None else fusion_to_dict(self._fusion),
            filter_policy=self._filter_policy.value,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SpladeRetriever:
        """Return the component that ``to_dict`` described."""
        parameters = dict(data.get("init_parameters", {}))
        if "document_store" in parameters:
            parameters["document_store"] = SpladeDocumentStore.from_dict(
                parameters["document_store"]
            )
        if "filter_policy" in parameters:
            parameters["filter_policy"] = FilterPolicy.from_str(parameters["filter_policy"])
        if parameters.get("fusion") is not None:
            parameters["fusion"] = fusion_from_dict(parameters["fusion"])
        made: SpladeRetriever = default_from_dict(cls, {**data, "init_parameters": parameters})
        return made
