"""Builds the points to store: content hash, payload and vectors; only what changed is encoded."""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

from splade_sdk.errors import ConfigError, EngineError, InvalidVectorError
from splade_sdk.qdrant.base import Collection, Point, Record
from splade_sdk.qdrant.content_hash import ContentHasher, same_vector
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import CONTENT_HASH, to_payload
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.types import Document

__all__ = ["Draft", "PointBatch", "PointBuilder"]


class Draft(NamedTuple):
    """A document that can be stored, with its point as far as it needs no encoding.

    Attributes:
        point_id: UUID string.
        document: The document.
        payload: What is stored beside the vectors, content hash included.
        repeated: Whether an earlier document of the stream has the same id.
    """

    point_id: str
    document: Document
    payload: dict[str, Any]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PointBatch:
    """The points of a batch that have changed.

    Attributes:
        points: Points to store.
        documents: Their documents.
        ids: Their ids.
        empty: Ids of those whose sparse vector is empty.
        encoded: Whether any text was encoded.
        encode_s: Seconds spent encoding.
        lookup_s: Seconds spent reading what is stored.
    """

    points: Sequence[Point]
    documents: Sequence[Document]
    ids: Set[str]
    empty: Set[str]
    encoded: bool
    encode_s: float
    lookup_s: float


class PointBuilder:
    """Builds the points of documents.

    Args:
        collection: Where they will be stored.
        encoding: Makes the vectors that documents do not bring.
        skip_unchanged: Leave out documents that are stored already, with the same content.
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

    def draft(self, document: Document) -> Draft:
        """Return the point of a document without the vectors that are yet to be made.

        Raises:
            InvalidDocumentError: if metadata cannot be stored as JSON.
            InvalidVectorError: if a ready-made vector is not of the encoder's space.
            ConfigError: if there is no encoder for the dense vector of the document.
        """
        vector, encoder = document.vector, self._encoding.encoder
        if vector is not None and vector.dimensions != encoder.fingerprint.dimensions:
            raise InvalidVectorError(
                f"vector of document {document.id!r} has {vector.dimensions} dimensions, but the "
                f"encoder {encoder.fingerprint.model!r} has {encoder.fingerprint.dimensions}: use "
                "vectors of this encoder, or none to have the text encoded"
            )
        if self._dense is not None or document.dense is not None:
            self._require_dense_space(document)
        return Draft(point_id(document.id), document, to_payload(document, self._hasher))

    def build(self, drafts: Mapping[str, Draft], *, pending: Ids[str]) -> PointBatch:
        """Return the points to store of a batch.

        An engine that does not answer is taken to have nothing; storing the batch then decides
        what that failure means.

        Args:
            drafts: Documents by point id.
            pending: Ids of points that an earlier batch may be about to change: what the engine
                has of them does not count.
        """
        started = perf_counter()
        stored: dict[str, str] = {}
        kept: dict[str, Record] = {}
        with suppress(EngineError):
            if self._skip_unchanged and drafts:
                stored = self._collection.content_hashes(
                    [each for each in drafts if each not in pending]
                )
            if stored and (same_text := _same_text(drafts, stored)):
                records = self._collection.get(same_text, with_vectors=True)
                kept = {record.id: record for record in records if record.vector is not None}
        looked_up = perf_counter()
        changed: list[Draft] = []
        sparse_texts, dense_texts = [], []
        for draft in drafts.values():
            point, document, payload, _ = draft
            if stored.get(point) == payload[CONTENT_HASH]:
                continue
            changed.append(draft)
            if point not in kept and document.vector is None:
                sparse_texts.append(document.text)
            if point not in kept and document.dense is None and self._dense is not None:
                dense_texts.append(document.text)
        sparse, dense = self._encoding.documents(sparse_texts, dense_texts)
        encoded = perf_counter()
        points: list[Point] = []
        documents: list[Document] = []
        ids: set[str] = set()
        empty: set[str] = set()
        for point, document, payload, _ in changed:
            had = kept.get(point) or document
            vector = sparse[document.text] if had.vector is None else had.vector
            made = dense.get(document.text) if had is document and had.dense is None else had.dense
            points.append(Point(point, vector, payload, made))
            documents.append(document)
            ids.add(point)
            if not len(vector):
                empty.add(point)
        return PointBatch(
            points=points,
            documents=documents,
            ids=ids,
            empty=empty,
            encoded=bool(sparse or dense),
            encode_s=encoded - looked_up,
            lookup_s=looked_up - started,
        )

    def _require_dense_space(self, document: Document) -> None:
        if document.dense is None:
            if document.text.strip() and self._encoding.dense is None:
                raise ConfigError(
                    f"the collection has dense vectors, but there is no dense encoder for document "
                    f"{document.id!r}: give the retriever a dense_encoder, or the document a "
                    "ready-made dense vector"
                )
        elif self._dense is None:
            raise InvalidVectorError(
                f"document {document.id!r} has a dense vector, but the collection has none: it was "
                "made without a dense encoder; index the documents into another collection with one"
            )
        elif document.dense.size != self._dense.dimensions:
            raise InvalidVectorError(
                f"the dense vector of document {document.id!r} has {document.dense.size} "
                f"dimensions, but those of the collection, by {self._dense.model!r}, have "
                f"{self._dense.dimensions}: use vectors of this model, or none to have the text "
                "encoded"
            )


def _same_text(drafts: Mapping[str, Draft], stored: Mapping[str, str]) -> list[str]:
    """Return the ids of points whose payload has changed, but not what their vectors depend on."""
    return [
        point
        for point, (_, document, payload, _) in drafts.items()
        if document.vector is None
        and document.dense is None
        and (had := stored.get(point)) is not None
        and had != payload[CONTENT_HASH]
        and same_vector(had, payload[CONTENT_HASH])
    ]
