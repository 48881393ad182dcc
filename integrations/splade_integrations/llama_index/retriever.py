"""Our Retriever as a LlamaIndex retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.schema import BaseNode, IndexNode, NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import MetadataFilters

from splade_integrations.llama_index.filters import from_metadata_filters
from splade_integrations.llama_index.nodes import REF_DOC_ID, from_node, to_node
from splade_sdk.errors import ConfigError
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import Mode

__all__ = ["SpladeRetriever"]


class SpladeRetriever(BaseRetriever):
    """Stores nodes in a collection and finds them again, with their relationships.

    A node is stored under its id, so that adding it again does not store it twice. Documents that
    were not stored from nodes are found too, as text nodes.

    Over a Retriever the asynchronous methods run in threads. An embedded engine holds up the event
    loop's thread all the same, for the length of each of its calls; an AsyncRetriever has it in a
    process of its own. Over that, the synchronous methods raise ConfigError.

    Args:
        retriever: Holds the collection; closing it is the caller's.
        similarity_top_k: Nodes wanted at most.
        filters: Conditions on the metadata.
        score_threshold: Lowest score wanted, inclusive.
        mode: ``sparse``, ``dense`` or ``hybrid``; None for ``hybrid`` where the collection has
            dense vectors, else ``sparse``.
        fusion: How a hybrid search fuses its legs: RRF, DBSF or Weighted.
        callback_manager: LlamaIndex's.
        object_map: What index nodes lead to, by id.
        objects: Index nodes with what they lead to.
        verbose: Print how index nodes are followed.

    Raises:
        InvalidFilterError: if the filters have no counterpart in Qdrant.

    Example:
        >>> retriever = SpladeRetriever(Retriever(path="./index"))  # doctest: +SKIP
        >>> retriever.add_nodes(splitter.get_nodes_from_documents(documents))
        >>> RetrieverQueryEngine.from_args(retriever).query("cardiac arrest")
    """

    def __init__(
        self,
        retriever: Retriever | AsyncRetriever,
        *,
        similarity_top_k: int = 10,
        filters: MetadataFilters | None = None,
        score_threshold: float | None = None,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
        callback_manager: CallbackManager | None = None,
        object_map: dict[str, Any] | None = None,
        objects: list[IndexNode] | None = None,
        verbose: bool = False,
    ) -> None:
        self._retriever = retriever
        self._options: dict[str, Any] = {
            "limit": similarity_top_k,
            "filter": from_metadata_filters(filters),
            "score_threshold": score_threshold,
            "mode": mode,
            "fusion": RRF() if fusion is None else fusion,
        }
        super().__init__(
            callback_manager=callback_manager,
            object_map=object_map,
            objects=objects,
            verbose=verbose,
        )

    def add_nodes(self, nodes: Iterable[BaseNode], *, batch_size: int = 256) -> int:
        """Encode and store nodes, replacing those with the same id; unchanged ones are left.

        Args:
            nodes: What to store.
            batch_size: Nodes stored at once at most.

        Returns:
            The number of nodes that are now stored.

        Raises:
            InvalidDocumentError: if metadata cannot be stored as JSON.
            EngineError: if a node could not be stored.
        """
        report = self._blocking.upsert(map(from_node, nodes), batch_size=batch_size)
        report.raise_for_failed()
        return report.stored + report.skipped

    async def aadd_nodes(self, nodes: Iterable[BaseNode], *, batch_size: int = 256) -> int:
        """Do what ``add_nodes`` does."""
        if not isinstance(self._retriever, AsyncRetriever):
            return await asyncio.to_thread(self.add_nodes, nodes, batch_size=batch_size)
        report = await self._retriever.upsert(map(from_node, nodes), batch_size=batch_size)
        report.raise_for_failed()
        return report.stored + report.skipped

    def delete_nodes(self, node_ids: Sequence[str]) -> None:
        """Delete nodes by id; ids that do not exist are ignored."""
        self._blocking.delete(list(node_ids))

    async def adelete_nodes(self, node_ids: Sequence[str]) -> None:
        """Do what ``delete_nodes`` does."""
        if not isinstance(self._retriever, AsyncRetriever):
            await asyncio.to_thread(self.delete_nodes, node_ids)
        else:
            await self._retriever.delete(list(node_ids))

    def delete_ref_doc(self, ref_doc_id: str) -> None:
        """Delete the nodes that were cut from a document."""
        self._blocking.delete(filter={REF_DOC_ID: ref_doc_id})

    async def adelete_ref_doc(self, ref_doc_id: str) -> None:
        """Do what ``delete_ref_doc`` does."""
        if not isinstance(self._retriever, AsyncRetriever):
            await asyncio.to_thread(self.delete_ref_doc, ref_doc_id)
        else:
            await self._retriever.delete(filter={REF_DOC_ID: ref_doc_id})

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._blocking.search(query_bundle.query_str, **self._options)
        return [NodeWithScore(node=to_node(hit), score=hit.score) for hit in hits]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if not isinstance(self._retriever, AsyncRetriever):
            return await asyncio.to_thread(self._retrieve, query_bundle)
        hits = await self._retriever.search(query_bundle.query_str, **self._options)
        return [NodeWithScore(node=to_node(hit), score=hit.score) for hit in hits]

    @property
    def _blocking(self) -> Retriever:
        if isinstance(self._retriever, AsyncRetriever):
            raise ConfigError(
                f"{self._retriever!r} serves only calls that are awaited: await aretrieve, "
                "aadd_nodes, ..., or make this over a Retriever"
            )
        return self._retriever
