"""Lines of text and JSON, from plain and compressed files; each has its place for messages."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from splade_sdk.errors import InvalidDataError, MissingDependencyError

__all__ = [
    "COMPRESSED",
    "STDIN",
    "decoded",
    "parse_row",
    "place",
    "raw_lines",
    "read_lines",
    "read_rows",
]

STDIN = Path("-")
COMPRESSED = (".gz", ".zst")
MAX_LINE_BYTES = 64 * 2**20
_ZSTD_CHUNK = 1024  # bytes unpacked at a time: a block of 4 bytes can become 128 KiB


def place(path: Path, number: int) -> str:
    """Return file and line for messages: ``FILE, line N``, counted from 1."""
    return f"{'stdin' if path == STDIN else path}, line {number}"


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers, counted from 1; line ends stay.

    ``.gz`` and ``.zst`` files are unpacked as they are read, and ``-`` is standard input. No more
    than one line is held in memory.

    Args:
        path: The file.

    Raises:
        InvalidDataError: if the file cannot be read or unpacked, or a line has more than 64 MiB;
            the message names file and line.
        MissingDependencyError: if it is a ``.zst`` file and zstandard is not installed.
    """
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise InvalidDataError(
                        f"{place(path, number)}: more than {MAX_LINE_BYTES:,} bytes, expected one "
                        "text or JSON object a line"
                    )
                yield number, line
    except OSError as error:
        where = f"{place(path, number + 1)}: " if number else f"{path}: "
        raise InvalidDataError(f"{where}cannot be read: {error.strerror or error}") from error
    except _corrupt() as error:
        raise InvalidDataError(
            f"{place(path, number + 1)}: cannot be unpacked, the file is damaged or cut off "
            f"({error})"
        ) from error


def decoded(line: bytes, path: Path, number: int) -> str:
    """Return a line as text; a byte order mark on the first line is dropped.

    Args:
        line: From ``raw_lines``.
        path: Its file.
        number: Its number, counted from 1.

    Raises:
        InvalidDataError: if it is not UTF-8; the message names file and line.
    """
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDataError(
            f"{place(path, number)}: not UTF-8 ({error.reason} at byte {error.start}): convert the "
            "file to UTF-8"
        ) from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield all lines as text, each with its place; line ends and blank lines stay.

    Args:
        path: As in ``raw_lines``.

    Raises:
        InvalidDataError: as ``raw_lines``, and if a line is not UTF-8.
        MissingDependencyError: as ``raw_lines``.
    """
    for number, line in raw_lines(path):
        yield place(path, number), decoded(line, path, number)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the JSON object of each line with the line's place; blank lines are skipped.

    Args:
        path: As in ``raw_lines``.

    Raises:
        InvalidDataError: as ``read_lines``, and if a line is not a JSON object.
        MissingDependencyError: as ``raw_lines``.
    """
    for where, line in read_lines(path):
        if line.strip():
            yield where, parse_row(line, where)


def parse_row(line: str, where: str) -> dict[str, Any]:
    """Return the JSON object of a line.

    Args:
        line: The text.
        where: Its place; begins the message.

    Raises:
        InvalidDataError: if it is not a JSON object.
    """
    try:
        row = json.loads(line.strip())
    except json.JSONDecodeError as error:
        raise InvalidDataError(
            f"{where}: not JSON ({error.msg} at character {error.colno}): expected one object a "
            'line, as in {"id": "a1", "text": "..."}'
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nesting
        raise InvalidDataError(f"{where}: JSON that cannot be read: {error}") from error
    if not isinstance(row, dict):
        raise InvalidDataError(
            f"{where}: {type(row).__name__}: expected a JSON object a line, as in "
            '{"id": "a1", "text": "..."}'
        )
    return row


def _opened(path: Path) -> Any:
    if path == STDIN:
        return nullcontext(sys.stdin.buffer)
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".zst":
        try:
            import zstandard
        except ImportError as error:
            raise MissingDependencyError.for_extra("zstandard", "train") from error
        return io.BufferedReader(_ZstdFile(path, zstandard.ZstdDecompressor()))
    return path.open("rb")


class _ZstdFile(io.RawIOBase):
    """Unpacks a ``.zst`` file; one that is cut off raises EOFError, unlike ``zstandard.open``."""

    def __init__(self, path: Path, decompressor: Any) -> None:
        self._file = path.open("rb")
        self._decompressor = decompressor
        self._frame: Any = None
        self._packed = b""
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacked:
            self._packed = self._packed or self._file.read(_ZSTD_CHUNK)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the last frame has no end")
                return 0
            self._frame = self._frame or self._decompressor.decompressobj()
            self._unpacked = memoryview(self._frame.decompress(self._packed))
            self._packed = b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._unpacked))
        buffer[:count] = self._unpacked[:count]
        self._unpacked = self._unpacked[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _corrupt() -> tuple[type[Exception], ...]:
    """Return what reading a damaged archive raises, besides OSError."""
    zstandard = sys.modules.get("zstandard")
    damaged = (EOFError, zlib.error)
    return damaged if zstandard is None else (*damaged, zstandard.ZstdError)
