"""A file that remembers how far a long stream of documents has been stored.

One line of JSON a batch, appended once the batch is durable:
``{"documents": 256, "digest": "...", "point": "...", "hash": "..."}``, with the number of documents
read from the stream, a digest of their ids and contents, and the content hash of the first of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from splade_sdk.errors import ConfigError
from splade_sdk.qdrant.base import Collection
from splade_sdk.types import Document

__all__ = ["Checkpoint"]

_SAMPLE = 32  # lines that are compared with the collection before any is believed


class _Line(NamedTuple):
    documents: int
    digest: str
    point: str
    hash: str
    end: int  # position in the file, in bytes


class Checkpoint:
    """Leaves out the documents of a stream that an earlier run has stored.

    Nothing is believed blindly. The file counts only if the collection still has what a sample of
    its lines says; and documents are left out only as long as they are those of the file, ids and
    contents, in the same order. From the first difference on everything is worked through.

    Args:
        path: The file; made with the first batch.
        hashes: Returns the content hash of each document, by point id.

    Raises:
        ConfigError: if its folder does not exist.
    """

    def __init__(
        self, path: str | Path, hashes: Callable[[Sequence[Document]], Mapping[str, str]]
    ) -> None:
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise ConfigError(f"checkpoint is {str(path)!r}, but {self._path.parent} is no folder")
        self._hashes = hashes
        self._read = 0
        self._complete = True
        self.skipped = 0

    def resume(self, documents: Iterator[Document], collection: Collection) -> Iterator[Document]:
        """Yield the documents that are left to do.

        Args:
            documents: The whole stream.
            collection: Where they go.
        """
        lines = list(_lines(self._path))
        step = max(1, len(lines) // _SAMPLE)
        sample = {line.point: line.hash for line in [*lines[::step], *lines[-1:]]}
        if sample and collection.content_hashes(list(sample)) != sample:
            lines = []
        end = 0
        for line in lines:
            segment = list(islice(documents, line.documents))
            hashes = self._hashes(_last_of_each_id(segment))
            if len(segment) < line.documents or _digest(hashes) != line.digest:
                self._truncate(end)
                yield from self._counted(segment)
                break
            self.skipped += len(hashes)
            end = line.end
        else:
            self._truncate(end)
        yield from self._counted(documents)

    def take(self) -> int:
        """Return how many documents were read since the last call."""
        read, self._read = self._read, 0
        return read

    def advance(self, hashes: Mapping[str, str], read: int, *, stored: bool) -> None:
        """Note that a batch is durable; past one that is not, no batch is noted any more.

        Args:
            hashes: Content hash of each document, by point id, in order.
            read: Documents of the stream that the batch was made from.
            stored: Whether it is durable.
        """
        self._complete &= stored
        if self._complete:
            point, first = next(iter(hashes.items()))
            told = {"documents": read, "digest": _digest(hashes), "point": point, "hash": first}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")

    def finish(self) -> None:
        """Remove the file if the whole stream is durable: nothing is left to resume."""
        if self._complete:
            self._path.unlink(missing_ok=True)

    def _counted(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            self._read += 1
            yield document

    def _truncate(self, end: int) -> None:
        if self._path.exists():
            os.truncate(self._path, end)


def _last_of_each_id(documents: Sequence[Document]) -> list[Document]:
    return list({document.id: document for document in documents}.values())


def _digest(hashes: Mapping[str, str]) -> str:
    digest = blake2b(digest_size=16)
    for point, content in hashes.items():
        digest.update(f"{point} {content}\n".encode())
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[_Line]:
    """Yield the lines of the file up to the first that is torn."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for text in file:
            end += len(text)
            try:
                told = json.loads(text)
                line = _Line(told["documents"], told["digest"], told["point"], told["hash"], end)
            except (ValueError, KeyError, TypeError):
                return
            if not text.endswith(b"\n"):
                return
            yield line
