"""The encoder and the collection of a retriever, each made at first use."""

from __future__ import annotations

from threading import RLock
from typing import Literal

from splade_sdk.config import CollectionSettings, DenseSettings
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder, require_encoder
from splade_sdk.encoders.dense import ExternalDense
from splade_sdk.errors import CollectionMismatchError, EngineClosedError
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.qdrant.tenant import TenantCollection, require_tenant
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.search.options import SearchSettings
from splade_sdk.settings import require_settings

__all__ = ["Connection"]


class Connection:
    """Opens a collection once, for the encoder that will be used with it; safe across threads.

    Args:
        where: Of the collection.
        encoder: Makes the sparse vectors; None for SpladeEncoder() with the default model.
        dense_encoder: Makes the dense vectors; None for the dense head of ``encoder``, if it has
            one; False for none.
        settings: Layout of a collection that is created.
        search_settings: How texts are encoded and searched unless a call says otherwise.
        tenant: Whose documents are used; None for those of all.

    Attributes:
        search_settings: The same.
        where: The same.

    Raises:
        InvalidTypeError: if an argument has the wrong type, or an encoder cannot encode.
    """

    def __init__(
        self,
        where: Address,
        *,
        encoder: SparseEncoder | None,
        dense_encoder: DenseEncoder | Literal[False] | None,
        settings: CollectionSettings | None,
        search_settings: SearchSettings,
        tenant: str | None,
    ) -> None:
        self.search_settings = search_settings
        self.where = where
        self._encoder = None if encoder is None else require_encoder(encoder)
        self._dense: ExternalDense | Literal[False] | None = (
            dense_encoder
            if dense_encoder is None or dense_encoder is False
            else ExternalDense(dense_encoder)
        )
        self._encoding: EncoderPair | None = None
        self._settings = search_settings.layout(
            require_settings(settings, CollectionSettings, "settings")
        )
        self._tenant = require_tenant(tenant)
        self._collection: Collection | None = None
        self._closed = False
        self._lock = RLock()

    @property
    def encoding(self) -> EncoderPair:
        """The encoders; loads the default model at first use."""
        with self._lock:
            if self._encoding is None:
                if self._encoder is None:
                    from splade_sdk.encoders.splade import SpladeEncoder

                    self._encoder = SpladeEncoder()
                self._encoding = EncoderPair(self._encoder, self._dense, self.search_settings)
            return self._encoding

    def open(self, *, create: bool = False, without_dense: bool = False) -> Collection:
        """Return the collection, opening it at first use.

        Args:
            create: Make the collection where it does not exist.
            without_dense: Open it also where it has no dense vectors for ``dense_encoder`` yet.

        Raises:
            CollectionNotFoundError: if it does not exist and is not to be made.
            CollectionMismatchError: if another model made it, or without the dense vectors that
                ``dense_encoder`` was given for.
            EngineClosedError: after ``close``.
            EngineError: if the engine cannot be reached or opened.
        """
        with self._lock:
            if self._closed:
                raise EngineClosedError("the retriever was closed: make a new Retriever")
            if self._collection is None:
                encoding = self.encoding
                collection = open_collection(
                    self.where,
                    fingerprint=encoding.encoder.fingerprint,
                    settings=self._settings,
                    dense=encoding.dense,
                    create=create,
                )
                if not without_dense:
                    self._require_dense(collection)
                if self._tenant is not None:
                    collection = TenantCollection(collection, self._tenant)
                self._collection = collection
            return self._collection

    @property
    def dense_settings(self) -> DenseSettings:
        """How dense vectors are to be kept."""
        return (self._settings or CollectionSettings()).dense

    def _require_dense(self, collection: Collection) -> None:
        """Raise where a dense encoder was asked for that the collection has no use for."""
        if self._dense and collection.contract.dense is None:
            collection.close()
            raise CollectionMismatchError(
                f"the collection {self.where.collection!r} was made without dense vectors, so the "
                f"dense encoder {self._dense.name!r} cannot be used: call upgrade_to_hybrid() "
                "to add them, or leave dense_encoder out"
            )

    def close(self) -> None:
        """Release the engine; doing it twice is harmless."""
        with self._lock:
            self._closed = True
            if self._collection is not None:
                self._collection.close()
                self._collection = None
