"""What an ingest, and an upgrade, did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from splade_sdk.errors import EngineError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["FailedBatch", "IngestReport", "UpgradeReport"]


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """Documents that could not be stored.

    Attributes:
        ids: Their ids.
        cause: What the engine or encoder said.
    """

    ids: tuple[str, ...]
    cause: Exception


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an upsert did.

    Attributes:
        stored: Number of documents written, and now durable.
        empty: Number of those whose vector has no term, so that no query finds them.
        failed: Batches that were not stored, with their cause.
        encode_s: Seconds spent encoding.
        store_s: Seconds spent in the engine; both sides work at the same time, so that the two
            may add up to more than the whole took.
        skipped: Number of documents that were stored already, as they are.
        deleted: Number of stored documents that a ``sync`` deleted.
    """

    stored: int = 0
    empty: int = 0
    failed: tuple[FailedBatch, ...] = ()
    encode_s: float = 0.0
    store_s: float = 0.0
    skipped: int = 0
    deleted: int = 0

    def __add__(self, other: Self) -> IngestReport:
        return IngestReport(
            self.stored + other.stored,
            self.empty + other.empty,
            self.failed + other.failed,
            self.encode_s + other.encode_s,
            self.store_s + other.store_s,
            self.skipped + other.skipped,
            self.deleted + other.deleted,
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
        upgraded: Number of documents that got a dense vector now.
        blank: Number of documents that get none, as their text is blank.
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
