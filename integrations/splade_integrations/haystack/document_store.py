"""Our Retriever as a Haystack document store."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import Any, Literal

from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils import Secret

from splade_integrations.haystack.documents import from_haystack_document, to_haystack_document
from splade_integrations.haystack.filters import from_haystack_filters
from splade_integrations.haystack.models import (
    load_dense_encoder,
    serialized_dense_encoder,
    serialized_model,
)
from splade_integrations.lazy_encoder import LazyEncoder
from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import CollectionNotFoundError, InvalidFilterError, InvalidInputError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import Mode

__all__ = ["SpladeDocumentStore"]


class SpladeDocumentStore:
    """A collection of documents that makes its own vectors, in any Haystack pipeline.

    Documents need no embedder before they are written; a ``sparse_embedding`` that is there already
    is kept, an ``embedding`` is not: the store's own model makes the dense vectors. A collection
    that does not exist yet counts as empty; writing makes it.

    Args:
        url: Address of a Qdrant server, or ``":memory:"``.
        path: Folder of an embedded collection, instead of a server.
        collection: Name of the collection.
        model: Name or folder of a model, or None for the default one; any other encoder works
            too, but such a store cannot be written into a pipeline's file.
        encoder_options: Other arguments of SpladeEncoder, as in ``{"device": "cuda"}``.
        dense_encoder: Makes dense vectors too, for hybrid search: name or folder of a
            SentenceTransformer, or an object as Retriever takes it, which cannot be written into a
            file either. None for the dense head of the model, if it has one; False for none.
        api_key: Key of the server, as in ``Secret.from_env_var("QDRANT_API_KEY")``.
        settings: Layout of a collection that is created; its fields as a dictionary will do.
        timeout_s: Seconds to wait for an answer of the server.

    Raises:
        ConfigError: if ``settings`` has a wrong field; and at first use, if not exactly one of
            ``url`` and ``path`` is given.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        path: str | None = None,
        collection: str = "documents",
        model: str | SparseEncoder | None = None,
        encoder_options: dict[str, Any] | None = None,
        dense_encoder: str | DenseEncoder | Literal[False] | None = None,
        api_key: Secret | None = None,
        settings: CollectionSettings | dict[str, Any] | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self._url = url
        self._path = path
        self._collection = collection
        self._encoder = LazyEncoder(model, encoder_options)
        self._dense_encoder = dense_encoder
        self._api_key = api_key
        self._settings = CollectionSettings(**settings) if isinstance(settings, dict) else settings
        self._timeout_s = timeout_s
        self._retriever: Retriever | None = None
        self._opening = Lock()

    @property
    def retriever(self) -> Retriever:
        """What holds the collection; the model loads at first use."""
        with self._opening:
            if self._retriever is None:
                self._retriever = Retriever(
                    self._url,
                    path=self._path,
                    collection=self._collection,
                    encoder=self._encoder.get(),
                    dense_encoder=load_dense_encoder(self._dense_encoder),
                    api_key=self._api_key.resolve_value() if self._api_key else None,
                    settings=self._settings,
                    timeout_s=self._timeout_s,
                )
            return self._retriever

    def warm_up(self) -> None:
        """Load the models; doing it twice is harmless."""
        self.retriever.encoder  # noqa: B018 - loads at first use

    def close(self) -> None:
        """Release the engine; doing it twice is harmless, using the store after is an error."""
        self.retriever.close()

    def count_documents(self) -> int:
        """Return the number of documents."""
        try:
            return self.retriever.count()
        except CollectionNotFoundError:
            return 0

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """Return all documents that meet the filters, without their vectors.

        Args:
            filters: Haystack's filters on the metadata.

        Raises:
            FilterError: if they have the wrong shape.
        """
        conditions = from_haystack_filters(filters)
        try:
            return [to_haystack_document(d) for d in self.retriever.documents(filter=conditions)]
        except InvalidFilterError as error:
            raise FilterError(str(error)) from error
        except CollectionNotFoundError:
            return []

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Encode and store documents.

        Args:
            documents: What to store.
            policy: What to do with ids that are stored already: OVERWRITE, also for NONE (what has
                not changed is neither encoded nor written again), SKIP or FAIL.

        Returns:
            The number of documents written, or found to be stored as they are.

        Raises:
            InvalidInputError: if something is not a document.
            DuplicateDocumentError: if one is stored already and the policy is FAIL; nothing is
                written then.
            EngineError: if a document could not be stored.
        """
        wanted = {document.id: document for document in _require_documents(documents)}
        if policy in (DuplicatePolicy.FAIL, DuplicatePolicy.SKIP):
            there = self._existing(list(wanted))
            if there and policy is DuplicatePolicy.FAIL:
                raise DuplicateDocumentError(
                    f"{len(there)} of {len(wanted)} documents are stored already, among them "
                    f"{min(there)!r}: nothing was written"
                )
            wanted = {one: document for one, document in wanted.items() if one not in there}
        dimensions = self._encoder.get().fingerprint.dimensions
        report = self.retriever.upsert(
            from_haystack_document(document, dimensions) for document in wanted.values()
        )
        report.raise_for_failed()
        return report.stored + report.skipped

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by id; ids that do not exist are ignored."""
        try:
            self.retriever.delete(document_ids)
        except CollectionNotFoundError:
            return

    def search(
        self,
        query: str,
        *,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        score_threshold: float | None = None,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
    ) -> list[Document]:
        """Return the best documents for a query with their scores; see SpladeRetriever.

        Raises:
            FilterError: if the filters have the wrong shape.
            InvalidInputError: if an argument is out of range.
            ConfigError: if the mode needs dense vectors, and nothing makes them.
            EngineError: if the engine fails.
        """
        conditions = from_haystack_filters(filters)
        try:
            hits = self.retriever.search(
                query,
                limit=top_k,
                filter=conditions,
                score_threshold=score_threshold,
                mode=mode,
                fusion=RRF() if fusion is None else fusion,
            )
        except InvalidFilterError as error:
            raise FilterError(str(error)) from error
        except CollectionNotFoundError:
            return []
        return [to_haystack_document(hit) for hit in hits]

    async def count_documents_async(self) -> int:
        """Return the number of documents, counted in a thread."""
        return await asyncio.to_thread(self.count_documents)

    async def filter_documents_async(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """Return what ``filter_documents`` does, read in a thread."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Do what ``write_documents`` does, in a thread."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """Do what ``delete_documents`` does, in a thread."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    def to_dict(self) -> dict[str, Any]:
        """Return what a pipeline's file holds of this store; of the key, where it is found.

        Raises:
            SerializationError: if it was given an encoder instead of a model's name.
            ValueError: if the key is a token in the clear.
        """
        return default_to_dict(
            self,
            url=self._url,
            path=self._path,
            collection=self._collection,
            model=serialized_model(self._encoder.model),
            encoder_options=self._encoder.options,
            dense_encoder=serialized_dense_encoder(self._dense_encoder),
            api_key=self._api_key,
            settings=None if self._settings is None else self._settings.model_dump(mode="json"),
            timeout_s=self._timeout_s,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SpladeDocumentStore:
        """Return the store that ``to_dict`` described."""
        return default_from_dict(cls, data)

    def _existing(self, ids: list[str]) -> set[str]:
        try:
            return {document.id for document in self.retriever.get(ids)}
        except CollectionNotFoundError:
            return set()


def _require_documents(documents: object) -> list[Document]:
    if isinstance(documents, list) and all(isinstance(each, Document) for each in documents):
        return documents
    raise InvalidInputError(
        f"documents is {documents!r:.80}: expected a list of Haystack documents"
    )
