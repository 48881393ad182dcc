"""Reports of an ingest and of an upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from splade_sdk.errors import EngineError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["MOST_DUPLICATE_IDS", "FailedBatch", "IngestReport", "UpgradeReport"]


MOST_DUPLICATE_IDS = 10
"""Repeated ids that a report names."""


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """Documents that could not be stored.

    Attributes:
        ids: Their ids; the position, as in ``documents[3]``, of an item that is not a Document.
        cause: The error of the engine or the encoder, or what is wrong with the document.
    """

    ids: tuple[str, ...]
    cause: Exception


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an upsert did.

    An id that came more than once counts once in ``stored``, ``empty`` and ``skipped``, wherever
    the batches began.

    Attributes:
        stored: Number of documents written, and now durable.
        empty: Number of those whose vector has no term, so that no query finds them.
        failed: Documents that were not stored, with the cause: batches that the engine refused,
            and, one by one, documents that cannot be stored.
        encode_s: Seconds spent encoding.
        store_s: Seconds spent in the engine; both sides work at the same time, so that the two
            may add up to more than the whole took.
        skipped: Number of documents that were stored already, with the same content.
        deleted: Number of stored documents that a ``sync`` deleted.
        duplicates: Number of documents that were read and have the id of an earlier one; of
            documents with the same id the last one that can be stored wins.
        duplicate_ids: The first ten of those ids.
    """

    stored: int = 0
    empty: int = 0
    failed: tuple[FailedBatch, ...] = ()
    encode_s: float = 0.0
    store_s: float = 0.0
    skipped: int = 0
    deleted: int = 0
    duplicates: int = 0
    duplicate_ids: tuple[str, ...] = ()

    def __add__(self, other: Self) -> IngestReport:
        ids = dict.fromkeys(self.duplicate_ids + other.duplicate_ids)
        return IngestReport(
            self.stored + other.stored,
            self.empty + other.empty,
            self.failed + other.failed,
            self.encode_s + other.encode_s,
            self.store_s + other.store_s,
            self.skipped + other.skipped,
            self.deleted + other.deleted,
            self.duplicates + other.duplicates,
            tuple(ids)[:MOST_DUPLICATE_IDS],
        )

    def raise_for_failed(self) -> None:
        """Raise if a document was not stored.

        Raises:
            EngineError: naming how many failed, one of them, and the first cause.
        """
        if self.failed:
            first = self.failed[0]
            count = sum(len(batch.ids) for batch in self.failed)
            raise EngineError(
                f"{count} of {count + self.stored + self.skipped} documents were not stored, "
                f"among them {first.ids[0]!r}: {first.cause}; storing the same documents again "
                "writes only what is missing"
            ) from first.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What an upgrade did.

    Attributes:
        upgraded: Number of documents that were given a dense vector.
        blank: Number of documents without one, as their text is blank.
        encode_s: Seconds spent encoding.
        store_s: Seconds spent in the engine.
    """

    upgraded: int = 0
    blank: int = 0
    encode_s: float = 0.0
    store_s: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.upgraded} documents got a dense vector, {self.blank} are blank "
            f"(encoding {self.encode_s:.1f} s, engine {self.store_s:.1f} s)"
        )
