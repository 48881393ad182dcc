"""Stores a stream of documents: encodes a batch while the one before is being stored.

The caller's thread reads, asks the engine what it has, and encodes; a thread of its own stores, in
order (``pipeline.py``). What a failure of the engine means is decided in ``storing.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from splade_sdk.qdrant.base import Collection
from splade_sdk.retrieval.checkpoint import Checkpoint
from splade_sdk.retrieval.dead_letters import DeadLetters
from splade_sdk.retrieval.partial import reported
from splade_sdk.retrieval.pipeline import Pipeline
from splade_sdk.retrieval.preparing import Prepared, Preparing
from splade_sdk.retrieval.storing import Storing
from splade_sdk.types import Document, IngestReport

__all__ = ["Progress", "ingest"]


class Progress(Protocol):
    """What is told how far an ingest is, such as a tqdm bar."""

    def update(self, n: int) -> object:
        """Take note of ``n`` more documents."""


def ingest(
    batches: Iterable[Sequence[Document]],
    *,
    preparing: Preparing,
    collection: Collection,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
    dead_letters: DeadLetters | None = None,
) -> IngestReport:
    """Store every batch and report what came of it.

    Whatever this raises, also from ``batches``, has the report up to then as its ``report``.

    Args:
        batches: Documents with distinct ids within a batch.
        preparing: Makes points of them.
        collection: Where to store them.
        progress: Told the number of documents after each batch.
        checkpoint: Told of each batch; it has read the stream that the batches are made of.
        dead_letters: Told of documents that could not be stored.

    Raises:
        InvalidDocumentError: if metadata cannot be stored as JSON.
        InvalidVectorError: if a ready-made vector is not of the encoder's space.
        EngineError: if no later batch could be stored either (see ``storing.py``).
    """
    report = IngestReport()

    def done(batch: Prepared, outcome: IngestReport) -> None:
        nonlocal report
        report += outcome
        for failed in outcome.failed:
            if dead_letters is not None:
                dead_letters.append(batch.changed, failed.cause)
        if checkpoint is not None:
            checkpoint.advance(batch.hashes, batch.read, stored=not outcome.failed)
        progress.update(len(batch.hashes))

    with reported(lambda: report), Pipeline(Storing(collection), done) as pipeline:
        for batch in batches:
            read = checkpoint.take() if checkpoint is not None else len(batch)
            under_way = {point.id for other in pipeline.in_hand() for point in other.points}
            prepared = preparing(batch, read=read, under_way=under_way)
            pipeline.put(prepared, cheap=not prepared.encoded)
    if checkpoint is not None:
        checkpoint.finish()
        progress.update(checkpoint.skipped)
        report += IngestReport(skipped=checkpoint.skipped)
    return report
