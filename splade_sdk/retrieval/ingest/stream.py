"""Reads documents once: checks each, notes its id, resumes after a crash, cuts batches."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError, SpladeError
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import CONTENT_HASH
from splade_sdk.retrieval.ingest.points import Draft
from splade_sdk.types import Document
from splade_sdk.types.report import MOST_DUPLICATE_IDS

__all__ = [
    "MAX_BATCH_BYTES",
    "Batch",
    "IngestCheckpoint",
    "Rejected",
    "SeenIds",
    "SourceRow",
    "as_row",
    "document_batches",
    "document_size",
    "iterate",
    "peek_first",
    "read_documents",
]

MAX_BATCH_BYTES = 4_000_000
"""Approximate size of a batch on the wire; a server refuses more than 32 MB."""

_BYTES_A_TERM = 28  # an index and a float32 as JSON text, with commas
_BYTES_A_COORDINATE = 25
_TERMS_A_TEXT = 256  # approximate terms of an encoded text, which has no more than characters
_SAMPLE = 32  # lines of a checkpoint that are compared with the collection


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a file or table: the document it makes, or the error if it makes none.

    A source may yield rows in place of documents. Errors then name the place of the row, and one
    that makes no document can be skipped like any other bad document; a generator that raises
    ends the ingest.

    Attributes:
        place: Where the row is, such as ``docs.jsonl, line 3``; begins the message of an error.
        document: The document; None if the row makes none.
        error: Why it makes none; its message should begin with the place.
        id: Id of the document that the row should have made, if known.
    """

    place: str
    document: Document | None = None
    error: SpladeError | None = None
    id: str = ""


class Rejected(NamedTuple):
    """A document that cannot be stored.

    Attributes:
        id: Its id; the place of an item without one, such as ``documents[3]``.
        error: What is wrong with it, by place.
        document: The document, if it is one.
        counted: False if a line of the checkpoint counts it already.
    """

    id: str
    error: SpladeError
    document: Document | None
    counted: bool = True


@dataclass(slots=True)
class Batch:
    """Documents that are stored together.

    Attributes:
        drafts: One draft per id, by point id, in order.
        repeated: Point ids that an earlier batch has as well.
        rejected: Documents that cannot be stored.
        read: Number of items of the stream that the batch was made from.
    """

    drafts: dict[str, Draft] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)
    read: int = 0


class SeenIds:
    """Ids of a stream, kept as 16-byte point ids in a temporary SQLite file.

    Memory does not grow with them; the file takes about 30 bytes per id.

    Attributes:
        count: Number of items added.
        duplicates: Number of documents that have the id of an earlier one.
        duplicate_ids: The first ids that came more than once.
        complete: False once an item without an id was added.
    """

    def __init__(self) -> None:
        self._ids = sqlite3.connect("", isolation_level=None)  # "" is a private temporary file
        self._ids.execute(
            "CREATE TABLE seen (id BLOB PRIMARY KEY, stored INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._ids.execute("BEGIN")  # never committed: closing removes the file
        self.count = 0
        self.duplicates = 0
        self.duplicate_ids: list[str] = []
        self.complete = True

    def add(self, draft: Draft) -> bool:
        """Note a document; returns whether an earlier one has the same id."""
        self.count += 1
        added = self._ids.execute(
            "INSERT INTO seen VALUES (?, 1) "
            "ON CONFLICT (id) DO UPDATE SET stored = 1 WHERE stored = 0",
            (_key(draft.point_id),),
        )
        if added.rowcount:
            return False
        self.duplicates += 1
        name = draft.document.id
        if len(self.duplicate_ids) < MOST_DUPLICATE_IDS and name not in self.duplicate_ids:
            self.duplicate_ids.append(name)
        return True

    def add_rejected(self, document_id: str) -> None:
        """Note an item that cannot be stored; an id of ``""`` is unknown."""
        self.count += 1
        if document_id:
            key = _key(point_id(document_id))
            self._ids.execute("INSERT OR IGNORE INTO seen VALUES (?, 0)", (key,))
        else:
            self.complete = False

    def absent(self, ids: Sequence[str]) -> list[str]:
        """Return those of the point ids that were not noted."""
        select = "SELECT 1 FROM seen WHERE id = ?"
        return [each for each in ids if self._ids.execute(select, (_key(each),)).fetchone() is None]

    def close(self) -> None:
        """Remove the temporary file."""
        self._ids.close()


def _key(point: str) -> bytes:
    return bytes.fromhex(point.replace("-", ""))


def iterate(documents: object) -> Iterator[Any]:
    """Return an iterator over what the caller gave as documents.

    Raises:
        InvalidTypeError: if it is not an iterable, or one that cannot be of Document.
    """
    if isinstance(documents, Document):
        raise InvalidTypeError("documents is one Document: expected an iterable, as in [document]")
    if isinstance(documents, str | bytes | dict) or not isinstance(documents, Iterable):
        raise InvalidTypeError(
            f"documents is {type(documents).__name__}: expected an iterable of Document"
            + _advice(documents)
        )
    return iter(documents)


def as_row(item: object, position: int) -> Document | SourceRow:
    """Return an item as it is, or as a row with an error if it is not a Document.

    Args:
        item: What the caller gave.
        position: Its position in the stream, from 0; named in the error.
    """
    if isinstance(item, Document | SourceRow):
        return item
    place = f"documents[{position}]"
    wrong = f"{place} is {type(item).__name__}: expected a Document{_advice(item)}"
    return SourceRow(place, error=InvalidTypeError(wrong))


def peek_first(
    documents: Iterable[Document | SourceRow], *, skip_bad: bool = False
) -> Iterable[Document | SourceRow]:
    """Return the documents after a look at the first, so that no collection is made for none.

    A stream that breaks before its first document raises here, an empty one does not.

    Args:
        documents: What the caller gave.
        skip_bad: Let the first item be one that cannot be stored.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable that begins with a Document.
    """
    stream = iterate(documents)
    first = list(islice(stream, 1))
    if first and not skip_bad:
        row = as_row(first[0], 0)
        if isinstance(row, SourceRow) and row.error is not None:
            raise row.error
    return documents if isinstance(documents, Sequence) else chain(first, stream)


def read_documents(
    documents: Iterable[Document | SourceRow], draft: Callable[[Document], Draft], seen: SeenIds
) -> Iterator[Draft | Rejected]:
    """Yield what becomes of each document; here each is checked, once.

    Args:
        documents: Any iterable; read once.
        draft: Returns the point of a document without its vectors, or raises InvalidInputError.
        seen: Notes the ids.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable.
    """
    for position, item in enumerate(iterate(documents)):
        row = as_row(item, position)
        if isinstance(row, Document):
            document, place = row, ""
        elif row.document is not None:
            document, place = row.document, row.place
        else:
            seen.add_rejected(row.id)
            error = row.error or InvalidInputError(f"{row.place} makes no document")
            yield Rejected(row.id or row.place, error, None)
            continue
        try:
            made = draft(document)
        except InvalidInputError as wrong:
            seen.add_rejected(document.id)
            # Another error of the type: the traceback of this one would keep the stream alive.
            error = type(wrong)(f"{place or f'documents[{position}]'}: {wrong}")
        else:
            yield made._replace(repeated=True) if seen.add(made) else made
            continue
        yield Rejected(document.id, error, document)


def document_batches(
    items: Iterable[Draft | Rejected],
    *,
    batch_size: int,
    skip_bad: bool = False,
    max_bytes: int = MAX_BATCH_BYTES,
) -> Iterator[Batch]:
    """Yield batches of documents with distinct ids, reading no further than the current batch.

    Of documents with the same id in one batch the last one stays, in the first one's place. A
    batch ends at ``batch_size`` documents or with the document that brings its texts and vectors
    to ``max_bytes``, whichever comes first; a vector that is yet to be made is estimated.

    Args:
        items: Documents that have been checked.
        batch_size: Most documents in a batch, at least 1.
        skip_bad: Put documents that cannot be stored into ``rejected`` instead of raising; a
            missing encoder (ConfigError) raises in any case.
        max_bytes: Size after which a batch ends, without metadata.

    Raises:
        SpladeError: the error of the first document that cannot be stored, after a batch of the
            documents before it.
    """
    batch, size = Batch(), 0
    for item in items:
        if isinstance(item, Rejected):
            if not skip_bad or isinstance(item.error, ConfigError):
                if batch.read:
                    yield batch
                raise item.error
            batch.rejected.append(item)
            batch.read += item.counted
        else:
            if item.repeated and item.point_id not in batch.drafts:
                batch.repeated.add(item.point_id)
            batch.drafts[item.point_id] = item
            batch.read += 1
            size += document_size(item.document)
        if max(len(batch.drafts), len(batch.rejected)) >= batch_size or size >= max_bytes:
            yield batch
            batch, size = Batch(), 0
    if batch.drafts or batch.rejected:
        yield batch


def document_size(document: Document) -> int:
    """Return the approximate size of a document on the wire in bytes, without metadata."""
    text, vector = document.text, document.vector
    terms = min(len(text), _TERMS_A_TEXT) if vector is None else len(vector)
    coordinates = 0 if document.dense is None else document.dense.size
    vectors = terms * _BYTES_A_TERM + coordinates * _BYTES_A_COORDINATE
    return (len(text) if text.isascii() else len(text.encode())) + vectors


def _advice(given: object) -> str:
    if isinstance(given, dict):
        return ", as in Document(id='a1', text='...', metadata={...}) or Document(**row)"
    if isinstance(given, str):
        return ", as in Document(id='a1', text='...')"
    return ""


class _Line(NamedTuple):
    documents: int
    digest: str
    point: str
    hash: str
    end: int  # position in the file, in bytes


class IngestCheckpoint:
    """A file that records how far a stream is stored, and leaves that part out of the next run.

    One line of JSON per batch, appended once the batch is durable:
    ``{"documents": 256, "digest": "...", "point": "...", "hash": "..."}``, with the number of
    documents read from the stream, a digest of their ids and contents, and the content hash of the
    first of them.

    The file counts only if the collection still has what a sample of its lines says; and documents
    are left out only as long as they are those of the file, ids and contents, in the same order.
    From the first difference on everything is stored again.

    Args:
        path: The file; made with the first batch.

    Attributes:
        skipped: Number of documents left out.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._unwritten = 0
        self._complete = True
        self.skipped = 0

    def resume(
        self, items: Iterator[Draft | Rejected], collection: Collection
    ) -> Iterator[Draft | Rejected]:
        """Yield the items that are left to do, and every rejected one.

        Args:
            items: The whole stream.
            collection: Where the documents are stored.
        """
        lines = list(_lines(self._path))
        step = max(1, len(lines) // _SAMPLE)
        sample = {line.point: line.hash for line in [*lines[::step], *lines[-1:]]}
        if sample and collection.content_hashes(list(sample)) != sample:
            lines = []
        end = 0
        for line in lines:
            segment = list(islice(items, line.documents))
            drafts = {each.point_id: each for each in segment if isinstance(each, Draft)}
            if len(segment) < line.documents or _digest(drafts) != line.digest:
                self._truncate(end)
                yield from segment
                break
            self.skipped += sum(isinstance(each, Draft) and not each.repeated for each in segment)
            end = line.end
            yield from (
                each._replace(counted=False) for each in segment if isinstance(each, Rejected)
            )
        else:
            self._truncate(end)
        yield from items

    def advance(self, batch: Batch, *, stored: bool) -> None:
        """Note that a batch is durable; nothing is noted after one that is not.

        Args:
            batch: The batch.
            stored: Whether it is durable.
        """
        self._complete &= stored
        self._unwritten += batch.read
        if self._complete and batch.drafts:
            point, draft = next(iter(batch.drafts.items()))
            line = {
                "documents": self._unwritten,
                "digest": _digest(batch.drafts),
                "point": point,
                "hash": draft.payload[CONTENT_HASH],
            }
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self._unwritten = 0

    def finish(self) -> None:
        """Remove the file if every batch is durable: nothing is left to resume."""
        if self._complete:
            self._path.unlink(missing_ok=True)

    def _truncate(self, end: int) -> None:
        if self._path.exists():
            os.truncate(self._path, end)


def _digest(drafts: Mapping[str, Draft]) -> str:
    digest = blake2b(digest_size=16)
    for point, draft in drafts.items():
        digest.update(f"{point} {draft.payload[CONTENT_HASH]}\n".encode())
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[_Line]:
    """Yield the lines of the file up to the first incomplete one."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for text in file:
            end += len(text)
            try:
                row = json.loads(text)
                line = _Line(row["documents"], row["digest"], row["point"], row["hash"], end)
            except (ValueError, KeyError, TypeError):
                return
            if not text.endswith(b"\n"):
                return
            yield line
