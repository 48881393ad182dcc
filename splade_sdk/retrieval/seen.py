"""The ids of a stream, kept on disk, so that what is stored beyond them can be deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import Document

__all__ = ["SeenIds"]

_PAGE = 1_000


class SeenIds:
    """Collects 16-byte point ids in a temporary file of SQLite; memory does not grow with them.

    Attributes:
        count: Documents noted.
        deleted: Points deleted by ``delete_others``.
    """

    def __init__(self) -> None:
        self._ids = sqlite3.connect("", isolation_level=None)  # "" is a file of its own
        self._ids.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")
        self._ids.execute("BEGIN")  # never committed: the file goes when it is closed
        self.count = 0
        self.deleted = 0

    def note(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents, and keep their ids."""
        for document in documents:
            self.count += 1
            key = UUID(point_id(document.id)).bytes
            self._ids.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,))
            yield document

    def absent(self, ids: Sequence[str]) -> list[str]:
        """Return those of the point ids that were not seen."""
        select = "SELECT 1 FROM seen WHERE id = ?"
        return [
            each
            for each in ids
            if self._ids.execute(select, (UUID(each).bytes,)).fetchone() is None
        ]

    def delete_others(self, collection: Collection) -> None:
        """Delete the points that were not seen, page by page."""
        offset = None
        while True:
            records, offset = collection.scroll(limit=_PAGE, offset=offset, with_payload=False)
            if gone := self.absent([record.id for record in records]):
                collection.delete(gone)
                self.deleted += len(gone)
            if offset is None:
                return

    def close(self) -> None:
        """Remove the temporary file."""
        self._ids.close()
