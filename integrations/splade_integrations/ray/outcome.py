"""What a worker tells of a block."""

from __future__ import annotations

from dataclasses import dataclass

from splade_sdk.errors import SpladeError
from splade_sdk.types import Document, FailedBatch, IngestReport

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one block.

    Attributes:
        rows: Number of its rows.
        stored: What came of its documents.
        refused: Rows that made no document.
        lost: Documents that could not be stored, with the cause.
        error: What must end the indexing; None if nothing must. It comes as a value because Ray
            would wrap what a worker raises into errors of its own.
    """

    rows: int
    stored: IngestReport
    refused: tuple[FailedBatch, ...]
    lost: tuple[tuple[Document, Exception], ...]
    error: SpladeError | None

    @property
    def report(self) -> IngestReport:
        """What came of the whole block."""
        return self.stored + IngestReport(failed=self.refused)

    @property
    def failed(self) -> int:
        """Number of documents and rows that were not stored."""
        return sum(len(batch.ids) for batch in self.report.failed)
