"""Random access to the lines of a file that does not fit in memory."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from array import array
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from splade_sdk.datasets.lines import COMPRESSED, decoded, parse_row, place, raw_lines
from splade_sdk.errors import InvalidDataError

__all__ = ["LineFile"]


class LineFile:
    """The JSON objects of a JSONL file, by number; blank lines are skipped.

    Keeps offset, length and number of each line (24 bytes a line) and maps the file into memory. A
    ``.gz`` or ``.zst`` file is unpacked into a temporary file first, which goes with this object.

    Args:
        path: ``.jsonl``, ``.jsonl.gz`` or ``.jsonl.zst``.

    Raises:
        InvalidDataError: if the file cannot be read or holds no line.
        MissingDependencyError: if it is a ``.zst`` file and zstandard is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = array("q")
        self._lengths = array("q")
        self._numbers = array("q")
        try:
            self._plain = self._index()
            if self._plain != path:
                weakref.finalize(self, self._plain.unlink, missing_ok=True)
            self._map = _mapped(self._plain)
        except OSError as error:
            raise InvalidDataError(f"{path}: cannot be read: {error}") from error
        if not len(self):
            raise InvalidDataError(f"{path}: no rows in it: expected one JSON object a line")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._numbers)

    def where(self, at: int) -> str:
        """Return file and line of a row, for messages."""
        return place(self.path, self._numbers[at])

    def __getitem__(self, at: int) -> dict[str, Any]:
        """Return a row.

        Raises:
            InvalidDataError: if the line is not a JSON object in UTF-8.
        """
        if not 0 <= at < len(self):
            raise IndexError(at)
        start = self._offsets[at]
        line = self._map[start : start + self._lengths[at]]
        return parse_row(decoded(line, self.path, self._numbers[at]), self.where(at))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map = _mapped(self._plain)

    def _index(self) -> Path:
        """Note where the lines are; return the path itself, or that of an unpacked copy."""
        with ExitStack() as stack:
            copy = plain = None
            if self.path.suffix in COMPRESSED:
                copy = stack.enter_context(
                    tempfile.NamedTemporaryFile(suffix=".jsonl", delete=False)
                )
                plain = Path(copy.name)
            offset = 0
            try:
                for number, line in raw_lines(self.path):
                    if copy is not None:
                        copy.write(line)
                    if line.strip():
                        self._offsets.append(offset)
                        self._lengths.append(len(line))
                        self._numbers.append(number)
                    offset += len(line)
            except BaseException:
                if plain is not None:
                    plain.unlink(missing_ok=True)
                raise
            return plain or self.path


def _mapped(path: Path) -> mmap.mmap | bytes:
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
