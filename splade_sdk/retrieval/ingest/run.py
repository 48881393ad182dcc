"""``upsert`` and ``sync``: stores a stream of documents batch by batch, and reports on it.

The caller's thread reads, looks up what is stored, and encodes; a second thread stores, in order
(``pipeline.py``).

What happens when a batch fails: one that the engine refuses or is too slow for is reported, and
the next one is tried. A lost connection is reported as well, unless the engine has not answered yet
at all or it is the third in a row: then it is raised. What no later batch can survive (a wrong API
key, a full disk, a closed or damaged collection) is raised at once. In every case what was stored
before stays, and running the same upsert again does no harm. Failed documents are appended to the
file of dead letters, and whatever is raised carries the report up to then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from reprlib import Repr
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from splade_sdk.errors import (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    IndexLockedError,
    InvalidDocumentError,
    InvalidInputError,
)
from splade_sdk.progress import progress_bar
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.ingest.options import UpsertOptions, require_file
from splade_sdk.retrieval.ingest.pipeline import Pipeline
from splade_sdk.retrieval.ingest.points import PointBatch, PointBuilder
from splade_sdk.retrieval.ingest.stream import (
    Batch,
    IngestCheckpoint,
    SeenIds,
    SourceRow,
    document_batches,
    read_documents,
)
from splade_sdk.types import Document, FailedBatch, IngestReport

__all__ = [
    "BatchWriter",
    "DeadLetters",
    "Progress",
    "ingest",
    "reported",
    "sync",
    "upsert",
]

_FATAL = (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    DiskFullError,
    EngineClosedError,
    IndexDamagedError,
    IndexLockedError,
)
_UNREACHABLE = (EngineConnectionError, EngineTimeoutError)
_UNREACHABLE_IN_A_ROW = 3
_PAGE = 1_000  # points compared at a time with what a sync has read


def upsert(
    documents: Iterable[Document | SourceRow],
    collection: Collection,
    encoding: EncoderPair,
    options: UpsertOptions,
) -> IngestReport:
    """Encode and store documents; see ``Retriever.upsert``."""
    with (
        closing(SeenIds()) as seen,
        collection.bulk() if options.bulk else nullcontext(),
    ):
        return _upsert(documents, collection, encoding, options, seen)


def sync(
    documents: Iterable[Document | SourceRow],
    collection: Collection,
    encoding: EncoderPair,
    options: UpsertOptions,
    *,
    allow_empty: bool,
) -> IngestReport:
    """Make the collection hold just these documents; see ``Retriever.sync``.

    A document that could not be stored keeps its stored version. Nothing is deleted if one was
    skipped whose id is unknown, as the item was not a Document.
    """
    with (
        closing(SeenIds()) as seen,
        collection.bulk() if options.bulk else nullcontext(),
    ):
        report = _upsert(documents, collection, encoding, options, seen)
        if not seen.count and not allow_empty and (stored := collection.count()):
            raise InvalidInputError(
                f"documents is empty, so that all {stored:,} stored documents would be deleted: "
                "pass allow_empty=True if that is what you want"
            )
        offset: str | None = None
        more = seen.complete
        with reported(lambda: report):
            while more:
                page, offset = collection.scroll(limit=_PAGE, offset=offset, with_payload=False)
                if gone := seen.absent([record.id for record in page]):
                    collection.delete(gone)
                    report += IngestReport(deleted=len(gone))
                more = offset is not None
        return report


def _upsert(
    documents: Iterable[Document | SourceRow],
    collection: Collection,
    encoding: EncoderPair,
    options: UpsertOptions,
    seen: SeenIds,
) -> IngestReport:
    builder = PointBuilder(collection, encoding, skip_unchanged=options.skip_unchanged)
    dead_letters = None if options.dead_letter is None else DeadLetters(options.dead_letter)
    checkpoint = None if options.checkpoint is None else IngestCheckpoint(options.checkpoint)
    items = read_documents(documents, builder.draft, seen)
    if checkpoint is not None:
        items = checkpoint.resume(items, collection)
    batches = document_batches(
        items,
        batch_size=options.batch_size,
        skip_bad=options.on_bad_document == "skip",
    )
    with progress_bar(
        desc="Indexing",
        unit="doc",
        show=options.show_progress_bar,
        total=len(documents) if isinstance(documents, Sequence) else None,
    ) as bar:
        return ingest(
            batches,
            builder=builder,
            collection=collection,
            progress=bar,
            seen=seen,
            checkpoint=checkpoint,
            dead_letters=dead_letters,
        )


class Progress(Protocol):
    """Something that shows how far an ingest is, such as a tqdm bar."""

    def update(self, n: int) -> object:
        """Add ``n`` documents."""


class _Work(NamedTuple):
    batch: Batch
    built: PointBatch


def ingest(
    batches: Iterable[Batch],
    *,
    builder: PointBuilder,
    collection: Collection,
    progress: Progress,
    seen: SeenIds,
    checkpoint: IngestCheckpoint | None = None,
    dead_letters: DeadLetters | None = None,
) -> IngestReport:
    """Store every batch, and return the report.

    Whatever this raises, also from ``batches``, has the report up to then as its ``report``.

    Args:
        batches: Documents in batches; see ``document_batches``.
        builder: Makes points of them.
        collection: Where to store them.
        progress: Updated with the number of documents after each batch.
        seen: Counts repeated ids of the stream.
        checkpoint: Records each batch; it has resumed the stream that the batches are made of.
        dead_letters: Records documents that could not be stored.

    Raises:
        InvalidDocumentError: if metadata cannot be stored as JSON.
        InvalidVectorError: if a ready-made vector is not of the encoder's space.
        EngineError: if no later batch could be stored either (see the module's docstring).
    """
    report = IngestReport()

    def so_far() -> IngestReport:
        return replace(
            report,
            skipped=report.skipped + (0 if checkpoint is None else checkpoint.skipped),
            duplicates=seen.duplicates,
            duplicate_ids=tuple(seen.duplicate_ids),
        )

    def done(work: _Work, outcome: IngestReport) -> None:
        nonlocal report
        report += outcome
        if dead_letters is not None:
            dead_letters.append_batch(work.batch, work.built, outcome)
        if checkpoint is not None:
            checkpoint.advance(work.batch, stored=len(outcome.failed) == len(work.batch.rejected))
        progress.update(work.batch.read)

    with reported(so_far), Pipeline(BatchWriter(collection), done) as pipeline:
        for batch in batches:
            pending: set[str] = set()
            for work, _ in pipeline.unfinished:
                pending |= work.built.ids
            built = builder.build(batch.drafts, pending=pending)
            pipeline.put(_Work(batch, built), cheap=not built.encoded)
    if checkpoint is not None:
        checkpoint.finish()
        progress.update(checkpoint.skipped)
    return so_far()


class BatchWriter:
    """Stores one batch after the other, from one thread; see the module's docstring.

    Args:
        collection: Where to store them.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._stored = 0
        self._answered = False
        self._unreachable = 0

    def __call__(self, work: _Work) -> IngestReport:
        """Store what changed of a batch, and report on the whole of it.

        Raises:
            EngineError: if no later batch could be stored either.
        """
        batch, built = work
        self._answered |= len(built.points) < len(batch.drafts)
        started = perf_counter()
        error = self._store(built) if built.points else None
        failed: list[FailedBatch] = []
        if error is not None:
            failed.append(FailedBatch(tuple(each.id for each in built.documents), error))
        failed.extend(FailedBatch((each.id,), each.error) for each in batch.rejected)
        first = built.ids - batch.repeated
        return IngestReport(
            stored=0 if error is not None else len(first),
            empty=0 if error is not None else len(built.empty & first),
            failed=tuple(failed),
            skipped=len(batch.drafts) - len(batch.repeated) - len(first),
            encode_s=built.encode_s,
            store_s=built.lookup_s + perf_counter() - started,
        )

    def _store(self, built: PointBatch) -> EngineError | None:
        """Return the error of a batch that failed and that others may follow."""
        try:
            self._collection.upsert(built.points)
        except _FATAL:
            raise
        except _UNREACHABLE as error:
            self._unreachable += 1
            if not self._answered:
                raise
            if self._unreachable >= _UNREACHABLE_IN_A_ROW:
                raise type(error)(
                    f"{error}; {self._unreachable} batches in a row failed, the {self._stored} "
                    "documents stored before stay: run the same upsert again when the engine is "
                    "back"
                ) from error
            return error
        except EngineError as error:
            self._unreachable = 0
            return error
        self._unreachable = 0
        self._answered = True
        self._stored += len(built.points)
        return None


@contextmanager
def reported(so_far: Callable[[], IngestReport]) -> Iterator[None]:
    """Attach the report up to now to an exception: ``report``, and a note (Python 3.11 or later).

    Args:
        so_far: Returns the report up to now.
    """
    try:
        yield
    except BaseException as error:
        report = so_far()
        error.report = report  # type: ignore[attr-defined]  # also of errors that are not ours
        failed = sum(len(batch.ids) for batch in report.failed)
        if (report.stored or report.skipped or failed) and hasattr(error, "add_note"):
            error.add_note(
                f"before this, {report.stored:,} documents were stored, {report.skipped:,} were "
                f"unchanged, {failed:,} failed"
            )
        raise


class DeadLetters:
    """A file of documents that could not be stored: id, text, metadata, vectors, and the cause.

    One line of JSON per document, appended.

    Args:
        path: The file; made with the first document.

    Raises:
        ConfigError: if its folder does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = require_file("dead_letter", path)

    def append_batch(self, batch: Batch, built: PointBatch, outcome: IngestReport) -> None:
        """Append what failed of a batch."""
        for failed in outcome.failed[: len(outcome.failed) - len(batch.rejected)]:
            self.append(built.documents, failed.cause)
        for each in batch.rejected:
            if each.document is None:
                self.append_ids([each.id], each.error)
            else:
                self.append([each.document], each.error)

    def append(self, documents: Sequence[Document], cause: Exception) -> None:
        """Append documents.

        Args:
            documents: The documents.
            cause: Why they could not be stored.
        """
        self._write(map(_document_row, documents), cause)

    def append_ids(self, ids: Iterable[str], cause: Exception) -> None:
        """Append rows of a source that made no document, of which only the id is known.

        Args:
            ids: Their ids.
            cause: What is wrong with them.
        """
        self._write(({"id": each} for each in ids), cause)

    def _write(self, rows: Iterable[dict[str, Any]], cause: Exception) -> None:
        said = {"cause": f"{type(cause).__name__}: {cause}"}
        with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            for row in rows:
                file.write(json.dumps(row | said, ensure_ascii=False) + "\n")


def _document_row(document: Document) -> dict[str, Any]:
    row = {
        "id": document.id,
        "text": document.text,
        "metadata": _json_metadata(document.metadata),
    }
    if document.vector is not None:
        row["vector"] = {
            "indices": document.vector.indices.tolist(),
            "values": document.vector.values.tolist(),
        }
    if document.dense is not None:
        row["dense"] = document.dense.tolist()
    return row


def _json_metadata(metadata: Mapping[Any, Any]) -> dict[str, Any]:
    """Return metadata as it is stored; fields that JSON cannot hold as Python shows them."""
    try:
        stored: dict[str, Any] = to_payload(Document("-", "", metadata))["metadata"]
    except InvalidDocumentError:
        if len(metadata) == 1:
            [(key, value)] = metadata.items()
            return {key if _is_plain(key) else _SHORT.repr(key): _SHORT.repr(value)}
        stored = {}
        for key, value in metadata.items():
            stored |= _json_metadata({key: value})
    return stored


def _is_plain(key: object) -> bool:
    return isinstance(key, str) and key.isprintable()


_SHORT = Repr()
_SHORT.maxlevel = 8
_SHORT.maxdict = _SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = 100
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 1_000
