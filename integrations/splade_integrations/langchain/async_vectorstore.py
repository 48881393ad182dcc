"""The asynchronous methods of our LangChain vector store."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document as LangChainDocument
from langchain_core.runnables import run_in_executor
from langchain_core.vectorstores import VectorStore

from splade_integrations.langchain.documents import (
    from_langchain,
    of_texts,
    to_langchain,
    with_ids,
)
from splade_integrations.langchain.retrievers import AnyRetriever
from splade_sdk.errors import CollectionNotFoundError
from splade_sdk.retrieval.async_retriever import AsyncRetriever

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["AsyncVectorStoreMethods"]


class AsyncVectorStoreMethods(VectorStore, ABC):
    """Awaits an AsyncRetriever, and runs the synchronous methods over a Retriever in a thread."""

    retriever: AnyRetriever

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Do what ``add_texts`` does."""
        return await self.aadd_documents(of_texts(texts, metadatas, ids), **kwargs)

    async def aadd_documents(
        self,
        documents: list[LangChainDocument],
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int = 256,
        **kwargs: Any,
    ) -> list[str]:
        """Do what ``add_documents`` does."""
        given: dict[str, Any] = {"ids": ids, "batch_size": batch_size, **kwargs}
        if not isinstance(self.retriever, AsyncRetriever):
            return await run_in_executor(None, self.add_documents, documents, **given)
        used = with_ids(documents, given.pop("ids"))
        pairs = zip(documents, used, strict=True)
        report = await self.retriever.upsert(
            [from_langchain(document, one) for document, one in pairs], **given
        )
        report.raise_for_failed()
        return used

    async def adelete(
        self,
        ids: list[str] | None = None,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        **kwargs: Any,
    ) -> bool:
        """Do what ``delete`` does."""
        if not isinstance(self.retriever, AsyncRetriever):
            await run_in_executor(None, self.delete, ids, filter=filter, **kwargs)
            return True
        try:
            await self.retriever.delete(ids, filter=filter, **kwargs)
        except CollectionNotFoundError:
            return True
        return True

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[LangChainDocument]:
        """Do what ``get_by_ids`` does."""
        if not isinstance(self.retriever, AsyncRetriever):
            return await run_in_executor(None, self.get_by_ids, ids)
        try:
            found = await self.retriever.get(list(ids))
        except CollectionNotFoundError:
            return []
        return [to_langchain(document) for document in found]

    async def asimilarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        score_threshold: float | None = None,
        **kwargs: Any,
    ) -> list[LangChainDocument]:
        """Do what ``similarity_search`` does."""
        found = await self.asimilarity_search_with_score(
            query, k, filter=filter, score_threshold=score_threshold, **kwargs
        )
        return [document for document, _ in found]

    async def asimilarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        score_threshold: float | None = None,
        **kwargs: Any,
    ) -> list[tuple[LangChainDocument, float]]:
        """Do what ``similarity_search_with_score`` does."""
        given = {"filter": filter, "score_threshold": score_threshold, **kwargs}
        if not isinstance(self.retriever, AsyncRetriever):
            return await run_in_executor(None, self.similarity_search_with_score, query, k, **given)
        try:
            hits = await self.retriever.search(query, limit=k, **given)
        except CollectionNotFoundError:
            return []
        return [(to_langchain(hit), hit.score) for hit in hits]
