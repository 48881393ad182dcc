"""Turns a batch of documents into the points to store: only what changed is encoded."""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

from splade_sdk.errors import ConfigError, EngineError, InvalidVectorError
from splade_sdk.qdrant.base import Collection, Point
from splade_sdk.qdrant.content import ContentHasher, same_vector
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import CONTENT_HASH, to_payload
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.types import Document, SparseVector
from splade_sdk.types.arrays import FloatArray

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


class _Vectors(NamedTuple):
    sparse: SparseVector
    dense: FloatArray | None


class Preparing:
    """Prepares one batch after the other.

    Args:
        collection: Where they will be stored.
        encoding: Makes the vectors that documents do not bring.
        skip_unchanged: Leave out documents that are stored already, as they are.
    """

    def __init__(
        self, collection: Collection, encoding: EncoderPair, *, skip_unchanged: bool
    ) -> None:
        self._collection = collection
        self._encoding = encoding
        self._skip_unchanged = skip_unchanged
        self._dense = collection.contract.dense
        self._hasher = ContentHasher(
            encoding.document_settings,
            self._dense.model_dump_json() if self._dense else "",
        )

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
            ConfigError: if there is no encoder for the dense vector of a document.
        """
        for document in batch:
            self._require_space(document)
            self._require_dense_space(document)
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
                and document.dense is None
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
            points=[
                Point(each, vectors[each].sparse, payloads[each], vectors[each].dense)
                for each in changed
            ],
            encoded=sum(
                document.vector is None or self._needs_dense(document) for document in rest.values()
            ),
            encode_s=perf_counter() - looked_up,
            lookup_s=looked_up - started,
            read=read,
        )

    def payloads(self, batch: Sequence[Document]) -> dict[str, dict[str, Any]]:
        """Return what is stored of each document beside its vector, by point id, in order."""
        return {point_id(each.id): to_payload(each, self._hasher) for each in batch}

    def _require_space(self, document: Document) -> None:
        vector, encoder = document.vector, self._encoding.encoder
        if vector is not None and vector.dimensions != encoder.fingerprint.dimensions:
            raise InvalidVectorError(
                f"vector of document {document.id!r} has {vector.dimensions} dimensions, but the "
                f"encoder {encoder.fingerprint.model!r} has {encoder.fingerprint.dimensions}: use "
                "vectors of this encoder, or none to have the text encoded"
            )

    def _require_dense_space(self, document: Document) -> None:
        if document.dense is None:
            if self._needs_dense(document) and self._encoding.dense is None:
                raise ConfigError(
                    f"the collection has dense vectors, but there is no dense encoder for document "
                    f"{document.id!r}: give the retriever a dense_encoder, or the document a "
                    "ready-made dense vector"
                )
        elif self._dense is None:
            raise InvalidVectorError(
                f"document {document.id!r} has a dense vector, but the collection has none: it was "
                "made without a dense encoder; index anew into another collection with one"
            )
        elif document.dense.size != self._dense.dimensions:
            raise InvalidVectorError(
                f"the dense vector of document {document.id!r} has {document.dense.size} "
                f"dimensions, but those of the collection, by {self._dense.model!r}, have "
                f"{self._dense.dimensions}: use vectors of this model, or none to have the text "
                "encoded"
            )

    def _needs_dense(self, document: Document) -> bool:
        """Return whether a dense vector is to be made of the text; of a blank text, none is."""
        return self._dense is not None and document.dense is None and bool(document.text.strip())

    def _known(self, ids: Iterable[str], under_way: Ids[str]) -> dict[str, str]:
        """Return the hashes of what is stored; of an engine that does not answer, none.

        What that failure means is decided where the batch is stored.
        """
        try:
            return self._collection.content_hashes([each for each in ids if each not in under_way])
        except EngineError:
            return {}

    def _kept_vectors(self, ids: Sequence[str]) -> dict[str, _Vectors]:
        try:
            records = self._collection.get(ids, with_vectors=True) if ids else []
        except EngineError:
            return {}
        return {
            record.id: _Vectors(record.vector, record.dense)
            for record in records
            if record.vector is not None
        }

    def _made_vectors(self, documents: Mapping[str, Document]) -> dict[str, _Vectors]:
        made = self._encoding.documents(
            [each.text for each in documents.values() if each.vector is None],
            [each.text for each in documents.values() if self._needs_dense(each)],
        )
        return {
            each: _Vectors(
                made.sparse[document.text] if document.vector is None else document.vector,
                made.dense.get(document.text) if document.dense is None else document.dense,
            )
            for each, document in documents.items()
        }
