"""``upgrade_to_hybrid``: adds dense vectors to a collection that has none, in place.

The only state is the contract, which says that an upgrade is under way: a point has its dense
vector or not, so that a killed upgrade goes on with the points that lack it.

``rewrite_points`` knows nothing of dense vectors: adding other vectors in place needs another
filter and another function that revises points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from qdrant_client import models

from splade_sdk.config import DenseFingerprint, DenseSettings
from splade_sdk.errors import CollectionMismatchError, ConfigError, EngineError
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.base import Collection, Point, Record
from splade_sdk.qdrant.content_hash import ContentHasher
from splade_sdk.qdrant.payload import CONTENT_HASH, from_payload
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.types import UpgradeReport

__all__ = ["rewrite_points", "upgrade_to_hybrid"]

_PASSES_IN_VAIN = 3  # passes that may begin with the same unchanged documents


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
        layout: How the engine stores them.
        batch_size: Number of documents read, encoded and stored at a time.
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
    collection.keep_contract(_upgrading(collection.contract, encoding.dense, layout))
    revision = _DenseRevision(encoding, collection.contract.upgraded())
    store_s = rewrite_points(
        collection,
        revision.lacking,
        revision,
        batch_size=batch_size,
        show_progress_bar=show_progress_bar,
    )
    collection.keep_contract(collection.contract.upgraded())
    return UpgradeReport(
        upgraded=revision.upgraded,
        blank=len(revision.blank),
        encode_s=revision.encode_s,
        store_s=store_s,
    )


def _upgrading(
    contract: CollectionContract, dense: DenseFingerprint, layout: DenseSettings
) -> CollectionContract:
    """Return the contract of the collection while the upgrade is under way."""
    if contract.upgrading is None:
        return contract.upgraded_by(dense, layout)
    contract.upgrading.require_same(dense, where="the upgrade that is under way")
    if contract.settings.dense != layout:
        raise CollectionMismatchError(
            f"an upgrade is under way with dense settings {contract.settings.dense!r}, not with "
            f"{layout!r}: go on with those"
        )
    return contract


def rewrite_points(
    collection: Collection,
    lacking: models.Filter,
    revise: Callable[[Sequence[Record]], Sequence[Point]],
    *,
    batch_size: int,
    show_progress_bar: bool | None = None,
) -> float:
    """Write the points that a filter finds as revised, until a pass changes none.

    A point that others changed or deleted meanwhile is left alone; the next pass finds it again.

    Args:
        collection: Where the points are.
        lacking: Finds the points to revise.
        revise: Returns the new point of each record; one with the same payload and no dense vector
            counts as unchanged.
        batch_size: Number of points read, revised and written at a time.
        show_progress_bar: None shows a bar on a terminal, for work that takes a while.

    Returns:
        Seconds spent in the engine.

    Raises:
        EngineError: if the engine does not keep what it was given: several passes in a row begin
            with the same points, unchanged.
    """
    store_s = 0.0
    began_with: list[tuple[str, str]] = []
    in_vain = 0
    with progress_bar(desc="Upgrading", unit="doc", show=show_progress_bar) as bar:
        while True:
            begins: list[tuple[str, str]] = []  # id and earlier hash of the first changed points
            offset: str | None = None
            more = True
            while more:
                started = perf_counter()
                records, offset = collection.scroll(
                    filter=lacking, limit=batch_size, offset=offset, with_vectors=True
                )
                store_s += perf_counter() - started
                changed = [
                    (record, point)
                    for record, point in zip(records, revise(records), strict=True)
                    if point.dense is not None or record.payload != point.payload
                ]
                before = [(record.id, str(record.payload[CONTENT_HASH])) for record, _ in changed]
                started = perf_counter()
                if changed:
                    collection.update(
                        [point for _, point in changed], content_hashes=[each for _, each in before]
                    )
                store_s += perf_counter() - started
                bar.update(len(changed))
                begins = begins or before
                more = offset is not None
            if not begins:
                return store_s
            in_vain = in_vain + 1 if begins == began_with else 0
            began_with = begins
            if in_vain == _PASSES_IN_VAIN:
                raise EngineError(
                    "the engine takes dense vectors and does not keep them: is the Qdrant server "
                    "much older than the client?"
                )


class _DenseRevision:
    """Gives points their dense vector, and the content hash of a document stored with it.

    Args:
        encoding: Makes the dense vectors.
        contract: The contract after the upgrade.
    """

    def __init__(self, encoding: EncoderPair, contract: CollectionContract) -> None:
        name = contract.settings.dense.name
        self.lacking = models.Filter(must_not=[models.HasVectorCondition(has_vector=name)])
        self.upgraded = 0
        self.blank: set[str] = set()
        self.encode_s = 0.0
        self._encoding = encoding
        self._before = ContentHasher(encoding.document_settings)
        self._after = ContentHasher(
            encoding.document_settings, contract.dense.model_dump_json() if contract.dense else ""
        )

    def __call__(self, records: Sequence[Record]) -> list[Point]:
        """Return the point of each record as if it had been stored with its dense vector."""
        started = perf_counter()
        documents = [from_payload(record.payload) for record in records]
        dense = self._encoding.documents((), [each.text for each in documents]).dense
        self.encode_s += perf_counter() - started
        points = []
        for record, document in zip(records, documents, strict=True):
            vector = record.vector
            if vector is None:
                raise EngineError(
                    f"document {document.id!r} was read back without its sparse vector"
                )
            content = (document.text, document.metadata)
            content_hash = record.payload[CONTENT_HASH]
            # A ready-made vector is part of the hash; a hash of other settings is left as it is.
            if content_hash == self._before(*content):
                content_hash = self._after(*content)
            elif content_hash == self._before(*content, vector):
                content_hash = self._after(*content, vector)
            payload = {**record.payload, CONTENT_HASH: content_hash}
            points.append(Point(record.id, vector, payload, dense.get(document.text)))
        self.upgraded += sum(point.dense is not None for point in points)
        self.blank.update(point.id for point in points if point.dense is None)
        return points
