"""What ``upgrade_to_hybrid`` does: dense vectors for a collection that has none, in place.

Nothing is remembered of the way but the contract, which says that an upgrade is under way: a point
has its dense vector or not, so that what was killed goes on with the points that lack it.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from qdrant_client import models

from splade_sdk.config import DenseFingerprint, DenseSettings
from splade_sdk.errors import CollectionMismatchError, ConfigError, EngineError
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.base import Collection, Point, Record
from splade_sdk.qdrant.content import ContentHasher
from splade_sdk.qdrant.payload import CONTENT_HASH, from_payload
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.types import UpgradeReport
from splade_sdk.types.arrays import FloatArray

__all__ = ["upgrade_to_hybrid"]

# Walks that may begin by giving the same documents their vectors.
_WALKS_IN_VAIN = 3


def upgrade_to_hybrid(
    collection: Collection,
    encoding: EncoderPair,
    layout: DenseSettings,
    *,
    batch_size: int,
    show_progress_bar: bool | None = None,
) -> UpgradeReport:
    """Give every document its dense vector, then let the collection be searched by them.

    Args:
        collection: With or without an upgrade under way.
        encoding: Makes the dense vectors.
        layout: How they are kept.
        batch_size: Documents read, encoded and stored at a time.
        show_progress_bar: None shows a bar on a terminal, for work that takes a while.

    Raises:
        ConfigError: if there is no dense encoder.
        CollectionMismatchError: if an upgrade by another dense model is under way.
        EngineError: if the engine cannot add vectors, does not keep them, or cannot be reached.
    """
    if encoding.dense is None:
        raise ConfigError(
            "there is no dense encoder to upgrade with: give the retriever a dense_encoder, or a "
            "model that was trained with a dense head"
        )
    if collection.contract.dense is not None:
        return UpgradeReport()
    collection.keep_contract(_begun(collection, encoding.dense, layout))
    upgrade = _Upgrade(collection, encoding, batch_size)
    with progress_bar(desc="Upgrading", unit="doc", show=show_progress_bar) as bar:
        while done := upgrade.walk():  # until a walk finds nothing that was stored meanwhile
            bar.update(done)
    collection.keep_contract(collection.contract.upgraded())
    return upgrade.report()


def _begun(
    collection: Collection, dense: DenseFingerprint, layout: DenseSettings
) -> CollectionContract:
    contract = collection.contract
    if contract.upgrading is None:
        return contract.upgraded_by(dense, layout)
    contract.upgrading.require_same(dense, where="the upgrade that is under way")
    if contract.settings.dense != layout:
        raise CollectionMismatchError(
            f"an upgrade is under way with dense settings {contract.settings.dense!r}, not with "
            f"{layout!r}: go on with those"
        )
    return contract


class _Upgrade:
    """Walks over the documents that lack a dense vector, and gives them theirs."""

    def __init__(self, collection: Collection, encoding: EncoderPair, batch_size: int) -> None:
        self._collection = collection
        self._encoding = encoding
        self._batch_size = batch_size
        contract = collection.contract.upgraded()
        name = contract.settings.dense.name
        self._lacking = models.Filter(must_not=[models.HasVectorCondition(has_vector=name)])
        self._before = ContentHasher(encoding.document_settings)
        self._after = ContentHasher(
            encoding.document_settings, contract.dense.model_dump_json() if contract.dense else ""
        )
        self._upgraded = 0
        self._blank: set[str] = set()
        self._began_with: list[tuple[str, str]] = []
        self._in_vain = 0
        self._encode_s = self._store_s = 0.0

    def walk(self) -> int:
        """Return the number of documents that were changed.

        Raises:
            EngineError: if it changed none, as those that it began with were left as they were.
        """
        changed = 0
        begins: list[tuple[str, str]] = []
        offset: str | None = None
        while True:
            started = perf_counter()
            records, offset = self._collection.scroll(
                filter=self._lacking, limit=self._batch_size, offset=offset, with_vectors=True
            )
            self._store_s += perf_counter() - started
            given = self._upgrade(records)
            changed += len(given)
            begins = begins or given
            if offset is None:
                break
        self._in_vain = self._in_vain + 1 if begins and begins == self._began_with else 0
        self._began_with = begins
        if self._in_vain == _WALKS_IN_VAIN:
            raise EngineError(
                "the engine takes dense vectors and does not keep them: is the Qdrant server much "
                "older than the client?"
            )
        return changed

    def report(self) -> UpgradeReport:
        """Return what was done so far."""
        return UpgradeReport(
            upgraded=self._upgraded,
            blank=len(self._blank),
            encode_s=self._encode_s,
            store_s=self._store_s,
        )

    def _upgrade(self, records: Sequence[Record]) -> list[tuple[str, str]]:
        """Return the id and earlier content hash of each document that was changed."""
        started = perf_counter()
        texts = {record.id: from_payload(record.payload).text for record in records}
        dense = self._encoding.documents((), texts.values()).dense
        encoded = perf_counter()
        points = [self._point(record, dense.get(texts[record.id])) for record in records]
        changed = [
            (record, point)
            for record, point in zip(records, points, strict=True)
            if point.dense is not None or record.payload != point.payload
        ]
        before = [(record.id, str(record.payload[CONTENT_HASH])) for record, _ in changed]
        if changed:
            self._collection.update(
                [point for _, point in changed], content_hashes=[each for _, each in before]
            )
        self._upgraded += sum(point.dense is not None for point in points)
        self._blank.update(point.id for point in points if point.dense is None)
        self._encode_s += encoded - started
        self._store_s += perf_counter() - encoded
        return before

    def _point(self, record: Record, dense: FloatArray | None) -> Point:
        """Return a point as it would have been stored with its dense vector from the start."""
        document = from_payload(record.payload)
        vector = record.vector
        if vector is None:
            raise EngineError(f"document {document.id!r} was read back without its sparse vector")
        had = record.payload[CONTENT_HASH]
        told = (document.text, document.metadata)
        # A vector that the document brought is in its hash; one of other settings is made anew.
        if had == self._before(*told):
            has = self._after(*told)
        elif had == self._before(*told, vector):
            has = self._after(*told, vector)
        else:
            has = had
        return Point(record.id, vector, {**record.payload, CONTENT_HASH: has}, dense)
