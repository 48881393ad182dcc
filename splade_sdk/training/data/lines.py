"""Random access to the lines of a file that does not fit in memory."""

from __future__ import annotations

import gzip
import json
import mmap
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from splade_sdk.errors import InvalidDataError, MissingDependencyError

__all__ = ["LineFile"]


class LineFile:
    """The JSON objects of a JSONL file, by number; blank lines are skipped.

    Keeps the byte offset of each line (8 bytes a line) and maps the file into memory. A ``.gz``
    or ``.zst`` file is unpacked into a temporary file first, which goes with this object.

    Args:
        path: ``.jsonl``, ``.jsonl.gz`` or ``.jsonl.zst``.

    Raises:
        InvalidDataError: if the file cannot be read or holds no line.
        MissingDependencyError: if it is a ``.zst`` file and zstandard is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._plain = _unpacked(path)
            self._map = _mapped(self._plain)
        except (OSError, EOFError) as error:
            raise InvalidDataError(f"{path}: cannot be read: {error}") from error
        if self._plain != path:
            weakref.finalize(self, self._plain.unlink, missing_ok=True)
        self._offsets, self._numbers = _index(self._map)
        if not len(self):
            raise InvalidDataError(f"{path}: no rows in it: expected one JSON object a line")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._numbers)

    def where(self, at: int) -> str:
        """Return file and line of a row, for messages."""
        return f"{self.path}:{self._numbers[at]}"

    def __getitem__(self, at: int) -> dict[str, Any]:
        """Return a row.

        Raises:
            InvalidDataError: if the line is not a JSON object in UTF-8.
        """
        if not 0 <= at < len(self):
            raise IndexError(at)
        start, end = self._offsets[at]
        try:
            row = json.loads(self._map[start:end])
        except json.JSONDecodeError as error:
            raise InvalidDataError(
                f"{self.where(at)}: not JSON ({error.msg} at character {error.pos}): expected one "
                "object a line"
            ) from error
        except UnicodeDecodeError as error:
            raise InvalidDataError(
                f"{self.where(at)}: not UTF-8 ({error.reason}): convert the file to UTF-8"
            ) from error
        if not isinstance(row, dict):
            raise InvalidDataError(
                f"{self.where(at)}: {type(row).__name__}: expected one object a line"
            )
        return row

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map = _mapped(self._plain)


def _mapped(path: Path) -> mmap.mmap | bytes:
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _index(data: mmap.mmap | bytes) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Return start and end of each line that is not blank, and its number counted from 1."""
    spans: list[tuple[int, int]] = []
    numbers: list[int] = []
    start = number = 0
    while start < len(data):
        number += 1
        newline = data.find(b"\n", start)
        end = newline if newline >= 0 else len(data)
        if data[start:end].strip():
            spans.append((start, end))
            numbers.append(number)
        start = end + 1
    return np.array(spans, dtype=np.int64).reshape(-1, 2), numbers


def _unpacked(path: Path) -> Path:
    """Return the path itself, or that of an unpacked copy."""
    if path.suffix not in (".gz", ".zst"):
        return path
    with tempfile.NamedTemporaryFile(suffix=".jsonl", delete=False) as target:
        copy = Path(target.name)
        try:
            with _decompressor(path) as source:
                shutil.copyfileobj(source, target)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
    return copy


def _decompressor(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    try:
        import zstandard
    except ImportError as error:
        raise MissingDependencyError.for_extra("zstandard", "train") from error
    return cast("IO[bytes]", zstandard.open(path, "rb"))
