"""What ``upsert`` and ``sync`` do: from any iterable of documents to a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from splade_sdk.errors import InvalidInputError
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.payload import CONTENT_HASH
from splade_sdk.retrieval.batches import document_batches, require_documents
from splade_sdk.retrieval.checkpoint import Checkpoint
from splade_sdk.retrieval.dead_letters import DeadLetters
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.ingest import ingest
from splade_sdk.retrieval.partial import reported
from splade_sdk.retrieval.preparing import Preparing
from splade_sdk.retrieval.seen import SeenIds
from splade_sdk.types import Document, IngestReport
from splade_sdk.types.arguments import require_whole

__all__ = ["UploadOptions", "sync", "upsert"]


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How documents are stored; see ``Retriever.upsert``.

    Raises:
        InvalidTypeError: if ``batch_size`` is no whole number.
        ConfigError: if it is below 1.
    """

    batch_size: int = 256
    skip_unchanged: bool = True
    checkpoint: str | Path | None = None
    dead_letter: str | Path | None = None
    show_progress_bar: bool | None = None

    def __post_init__(self) -> None:
        require_whole(self.batch_size, "batch_size", least=1)


def upsert(
    documents: Iterable[Document],
    collection: Collection,
    encoding: EncoderPair,
    options: UploadOptions,
) -> IngestReport:
    """Encode and store documents; see ``Retriever.upsert``."""
    stream = require_documents(documents)
    preparing = Preparing(collection, encoding, skip_unchanged=options.skip_unchanged)

    def hashes(batch: Sequence[Document]) -> dict[str, str]:
        return {each: told[CONTENT_HASH] for each, told in preparing.payloads(batch).items()}

    checkpoint = None
    if options.checkpoint is not None:
        checkpoint = Checkpoint(options.checkpoint, hashes)
        stream = checkpoint.resume(stream, collection)
    with progress_bar(
        desc="Indexing",
        unit="doc",
        show=options.show_progress_bar,
        total=len(documents) if isinstance(documents, Sequence) else None,
    ) as bar:
        return ingest(
            document_batches(stream, batch_size=options.batch_size),
            preparing=preparing,
            collection=collection,
            progress=bar,
            checkpoint=checkpoint,
            dead_letters=DeadLetters(options.dead_letter) if options.dead_letter else None,
        )


def sync(
    documents: Iterable[Document],
    collection: Collection,
    encoding: EncoderPair,
    options: UploadOptions,
    *,
    allow_empty: bool,
) -> IngestReport:
    """Make the collection hold just these documents; see ``Retriever.sync``."""
    with closing(SeenIds()) as seen:
        stream = seen.note(require_documents(documents))
        report = upsert(stream, collection, encoding, options)
        if not seen.count and not allow_empty and (stored := collection.count()):
            raise InvalidInputError(
                f"documents is empty, so that all {stored:,} stored documents would be deleted: "
                "pass allow_empty=True if that is what you want"
            )
        with reported(lambda: report + IngestReport(deleted=seen.deleted)):
            seen.delete_others(collection)
        return report + IngestReport(deleted=seen.deleted)
