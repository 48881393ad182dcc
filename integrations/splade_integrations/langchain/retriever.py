"""Our Retriever as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import Field

from splade_integrations.langchain.documents import to_langchain
from splade_integrations.langchain.retrievers import AnyRetriever, blocking
from splade_sdk.retrieval.async_retriever import AsyncRetriever

__all__ = ["SpladeRetriever"]


class SpladeRetriever(BaseRetriever):
    """Finds documents of a collection that exists; a part of any LangChain chain.

    ``invoke("query", k=3, filter={...})`` overrides for one call what was given here. ``ainvoke``
    awaits an AsyncRetriever, which serves nothing else, and runs a Retriever in a thread.

    Args:
        retriever: Searches the collection.
        k: Documents wanted at most.
        search_kwargs: Other arguments of ``Retriever.search``, such as ``filter`` and ``mode``.
    """

    retriever: AnyRetriever
    k: int = Field(default=4, ge=1)
    search_kwargs: Mapping[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
        **search_kwargs: Any,
    ) -> list[LangChainDocument]:
        return self._search(query, k, search_kwargs)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
        **search_kwargs: Any,
    ) -> list[LangChainDocument]:
        if not isinstance(self.retriever, AsyncRetriever):
            return await run_in_executor(None, self._search, query, k, search_kwargs)
        hits = await self.retriever.search(query, **self._options(k, search_kwargs))
        return [to_langchain(hit) for hit in hits]

    def _search(
        self, query: str, k: int | None, search_kwargs: Mapping[str, Any]
    ) -> list[LangChainDocument]:
        hits = blocking(self.retriever).search(query, **self._options(k, search_kwargs))
        return [to_langchain(hit) for hit in hits]

    def _options(self, k: int | None, search_kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {"limit": self.k if k is None else k, **self.search_kwargs, **search_kwargs}
