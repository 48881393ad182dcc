"""Which retriever serves which kind of call."""

from __future__ import annotations

from typing import TypeAlias

from splade_sdk.errors import ConfigError
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever

__all__ = ["AnyRetriever", "blocking"]

AnyRetriever: TypeAlias = Retriever | AsyncRetriever


def blocking(retriever: AnyRetriever) -> Retriever:
    """Return a retriever for a call that is not awaited.

    Raises:
        ConfigError: if it is an AsyncRetriever.
    """
    if isinstance(retriever, AsyncRetriever):
        raise ConfigError(
            f"{retriever!r} serves only calls that are awaited: await ainvoke, aadd_documents, "
            "asimilarity_search, ..., or make this over a Retriever"
        )
    return retriever
