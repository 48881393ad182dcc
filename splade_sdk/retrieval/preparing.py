"""Turns a batch of documents into the points to store: only what changed is encoded."""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import EngineError, InvalidVectorError
from splade_sdk.qdrant.base import Collection, Point
from splade_sdk.qdrant.content import ContentHasher, same_vector
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import CONTENT_HASH, to_payload
from splade_sdk.types import Document, SparseVector

__all__ = ["Prepared", "Preparing"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready to be stored.

    Attributes:
        hashes: Content hash of each document of the batch, by point id, in order.
        changed: Documents to store.
        points: Their points.
        encoded: Number of documents that were encoded.
        encode_s: Seconds spent encoding.
        lookup_s: Seconds spent asking the engine what it has.
        read: Documents of the stream that the batch was made from.
    """

    hashes: Mapping[str, str]
    changed: Sequence[Document]
    points: Sequence[Point]
    encoded: int
    encode_s: float
    lookup_s: float
    read: int

    @property
    def skipped(self) -> int:
        """Number of documents that are stored already, as they are."""
        return len(self.hashes) - len(self.points)


class Preparing:
    """Prepares one batch after the other.

    Args:
        collection: Where they will be stored.
        encoder: Makes the vectors of documents that bring none.
        skip_unchanged: Leave out documents that are stored already, as they are.
    """

    def __init__(
        self, collection: Collection, encoder: SparseEncoder, *, skip_unchanged: bool
    ) -> None:
        self._collection = collection
        self._encoder = encoder
        self._skip_unchanged = skip_unchanged
        self._hasher = ContentHasher(str(getattr(encoder, "document_settings", "")))

    def __call__(self, batch: Sequence[Document], *, read: int, under_way: Ids[str]) -> Prepared:
        """Return the points to store of a batch.

        Args:
            batch: Documents with distinct ids.
            read: Documents of the stream that the batch was made from.
            under_way: Ids of points that an earlier batch may be about to change: what the engine
                has of them does not count.

        Raises:
            InvalidDocumentError: if metadata cannot be stored as JSON.
            InvalidVectorError: if a ready-made vector is not of the encoder's space.
        """
        for document in batch:
            self._require_space(document)
        payloads = self.payloads(batch)
        started = perf_counter()
        known = self._known(payloads, under_way) if self._skip_unchanged else {}
        changed = {
            each: document
            for document, (each, payload) in zip(batch, payloads.items(), strict=True)
            if known.get(each) != payload[CONTENT_HASH]
        }
        vectors = self._kept_vectors(
            [
                each
                for each, document in changed.items()
                if document.vector is None
                and each in known
                and same_vector(known[each], payloads[each][CONTENT_HASH])
            ]
        )
        looked_up = perf_counter()
        rest = {each: document for each, document in changed.items() if each not in vectors}
        vectors |= self._made_vectors(rest)
        return Prepared(
            hashes={each: payload[CONTENT_HASH] for each, payload in payloads.items()},
            changed=list(changed.values()),
            points=[Point(each, vectors[each], payloads[each]) for each in changed],
            encoded=sum(document.vector is None for document in rest.values()),
            encode_s=perf_counter() - looked_up,
            lookup_s=looked_up - started,
            read=read,
        )

    def payloads(self, batch: Sequence[Document]) -> dict[str, dict[str, Any]]:
        """Return what is stored of each document beside its vector, by point id, in order."""
        return {point_id(each.id): to_payload(each, self._hasher) for each in batch}

    def _require_space(self, document: Document) -> None:
        vector = document.vector
        if vector is not None and vector.dimensions != self._encoder.dimensions:
            raise InvalidVectorError(
                f"vector of document {document.id!r} has {vector.dimensions} dimensions, but the "
                f"encoder {self._encoder.fingerprint.model!r} has {self._encoder.dimensions}: use "
                "vectors of this encoder, or none to have the text encoded"
            )

    def _known(self, ids: Iterable[str], under_way: Ids[str]) -> dict[str, str]:
        """Return the hashes of what is stored; of an engine that does not answer, none.

        What that failure means is decided where the batch is stored.
        """
        try:
            return self._collection.content_hashes([each for each in ids if each not in under_way])
        except EngineError:
            return {}

    def _kept_vectors(self, ids: Sequence[str]) -> dict[str, SparseVector]:
        try:
            records = self._collection.get(ids, with_vectors=True) if ids else []
        except EngineError:
            return {}
        return {record.id: record.vector for record in records if record.vector is not None}

    def _made_vectors(self, documents: Mapping[str, Document]) -> dict[str, SparseVector]:
        texts = [each.text for each in documents.values() if each.vector is None]
        made = iter(self._encoder.encode_document(texts, show_progress_bar=False) if texts else ())
        return {
            each: next(made) if document.vector is None else document.vector
            for each, document in documents.items()
        }
