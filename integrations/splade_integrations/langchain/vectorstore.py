"""Our Retriever as a LangChain vector store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document as LangChainDocument

from splade_integrations.langchain.async_vectorstore import AsyncVectorStoreMethods
from splade_integrations.langchain.dense import EmbeddingsEncoder
from splade_integrations.langchain.documents import (
    from_langchain,
    of_texts,
    to_langchain,
    with_ids,
)
from splade_integrations.langchain.retrievers import AnyRetriever, blocking
from splade_sdk.errors import CollectionNotFoundError, ConfigError
from splade_sdk.retrieval.retriever import Retriever

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from qdrant_client import models
    from typing_extensions import Self

__all__ = ["SpladeVectorStore"]


class SpladeVectorStore(AsyncVectorStoreMethods):
    """A collection of documents, searched by sparse vectors, dense ones, or both.

    A document without an id gets one made of its text and metadata, so that adding it again does
    not store it twice. A collection that does not exist yet counts as empty; adding makes it.

    Documents and metadata come back as they were added. Searches take what ``Retriever.search``
    does: filters as dictionaries, ``mode="hybrid"``, ``fusion=RRF()``.

    Over a Retriever the asynchronous methods run in threads. An embedded engine holds up the event
    loop's thread all the same, for the length of each of its calls; an AsyncRetriever has it in a
    process of its own. Over that, the synchronous methods raise ConfigError.

    Args:
        retriever: Holds the collection; closing it is the caller's.

    Example:
        >>> store = SpladeVectorStore(Retriever(path="./index"))  # doctest: +SKIP
        >>> store.add_documents([Document(page_content="heart attack", metadata={"year": 2024})])
        >>> store.similarity_search_with_score("cardiac arrest", k=3, filter={"year": 2024})
        >>> store.as_retriever(search_kwargs={"k": 3})
    """

    def __init__(self, retriever: AnyRetriever) -> None:
        self.retriever = retriever

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        retriever: AnyRetriever | None = None,
        **kwargs: Any,
    ) -> Self:
        """Return a store that holds these texts.

        Args:
            texts: The texts.
            embedding: Makes dense vectors beside the sparse ones, for hybrid search, where no
                retriever is given.
            metadatas: Metadata of each text.
            ids: Id of each text.
            retriever: Holds the collection, and makes its vectors; None for one in memory with the
                default model.
            **kwargs: What ``add_documents`` takes.

        Raises:
            ConfigError: if both ``embedding`` and ``retriever`` are given.
            EngineError: if a text could not be stored.
        """
        store = cls(_retriever_for(embedding, retriever))
        store.add_texts(texts, metadatas, ids=ids, **kwargs)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        retriever: AnyRetriever | None = None,
        **kwargs: Any,
    ) -> Self:
        """Do what ``from_texts`` does."""
        store = cls(_retriever_for(embedding, retriever))
        await store.aadd_texts(texts, metadatas, ids=ids, **kwargs)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Encode and store texts; takes and raises what ``add_documents`` does.

        Args:
            texts: The texts.
            metadatas: Metadata of each text; None for none.
            ids: An id for each text; None for ids made of their content.
            **kwargs: Other arguments of ``add_documents``.
        """
        return self.add_documents(of_texts(texts, metadatas, ids), **kwargs)

    def add_documents(
        self,
        documents: list[LangChainDocument],
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int = 256,
        **kwargs: Any,
    ) -> list[str]:
        """Encode and store documents, replacing those with the same id.

        Args:
            documents: What to store.
            ids: An id for each, before its own; None for their own.
            batch_size: Documents stored at once at most.
            **kwargs: Other arguments of ``Retriever.upsert``.

        Returns:
            The id of each document.

        Raises:
            InvalidInputError: if there are not as many ids as documents.
            InvalidDocumentError: if metadata cannot be stored as JSON.
            EngineError: if a document could not be stored.
        """
        used = with_ids(documents, ids)
        pairs = zip(documents, used, strict=True)
        report = blocking(self.retriever).upsert(
            (from_langchain(document, one) for document, one in pairs),
            batch_size=batch_size,
            **kwargs,
        )
        report.raise_for_failed()
        return used

    def delete(
        self,
        ids: list[str] | None = None,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        **kwargs: Any,
    ) -> bool:
        """Delete documents by id or by filter; ids that do not exist are ignored.

        Raises:
            InvalidInputError: if not exactly one of ``ids`` and ``filter`` is given: deleting all
                documents by leaving both out is too easy a mistake.
        """
        try:
            blocking(self.retriever).delete(ids, filter=filter, **kwargs)
        except CollectionNotFoundError:
            return True
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[LangChainDocument]:
        """Return the documents that exist among ``ids``, in that order."""
        try:
            found = blocking(self.retriever).get(list(ids))
        except CollectionNotFoundError:
            return []
        return [to_langchain(document) for document in found]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        score_threshold: float | None = None,
        **kwargs: Any,
    ) -> list[LangChainDocument]:
        """Return the best documents; takes what ``similarity_search_with_score`` does."""
        found = self.similarity_search_with_score(
            query, k, filter=filter, score_threshold=score_threshold, **kwargs
        )
        return [document for document, _ in found]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
        score_threshold: float | None = None,
        **kwargs: Any,
    ) -> list[tuple[LangChainDocument, float]]:
        """Return the best documents with their scores, highest first.

        Args:
            query: A text.
            k: Documents wanted at most.
            filter: Conditions on the metadata, as in ``{"year": {"gte": 2020}}``, or Qdrant's.
            score_threshold: Lowest score wanted, inclusive.
            **kwargs: Other arguments of ``Retriever.search``, such as ``mode`` and ``fusion``.

        Raises:
            InvalidInputError: if an argument is out of range or the filter has the wrong shape.
            EngineError: if the engine fails.
        """
        try:
            hits = blocking(self.retriever).search(
                query, limit=k, filter=filter, score_threshold=score_threshold, **kwargs
            )
        except CollectionNotFoundError:
            return []
        return [(to_langchain(hit), hit.score) for hit in hits]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        raise ConfigError(
            "scores of sparse vectors have no upper bound, and those of hybrid searches no fixed "
            "one, so there is no relevance between 0 and 1: use search_type='similarity' with "
            "search_kwargs={'score_threshold': ...}"
        )


def _retriever_for(embedding: Embeddings | None, retriever: AnyRetriever | None) -> AnyRetriever:
    if retriever is None:
        dense = None if embedding is None else EmbeddingsEncoder(embedding)
        return Retriever(":memory:", dense_encoder=dense)
    if embedding is not None:
        raise ConfigError(
            f"embedding is {type(embedding).__name__}, but the retriever makes its own vectors:"
            " make it with Retriever(..., dense_encoder=EmbeddingsEncoder(embedding))"
        )
    return retriever
