"""Reads rows from files one at a time, each with where it was found (file and line)."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from splade_sdk.errors import InvalidDataError

__all__ = ["STDIN", "read_json_lines", "read_lines", "read_table", "unreadable"]

STDIN = Path("-")


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSONL file with where they were found; blank lines are skipped.

    Raises:
        InvalidDataError: if a line is not a JSON object.
    """
    for where, line in read_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line.rstrip())
        except json.JSONDecodeError as error:
            raise InvalidDataError(
                f"{where}: not JSON ({error.msg} at character {error.colno}): expected one object "
                'a line, as in {"id": "a1", "text": "..."}'
            ) from error
        if not isinstance(row, dict):
            raise InvalidDataError(
                f"{where}: {type(row).__name__}: expected an object a line, as in "
                '{"id": "a1", "text": "..."}'
            )
        yield where, row


def read_table(path: Path, delimiter: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with a header, with where they were found.

    Raises:
        InvalidDataError: if a row has more cells than the header, or the quoting is broken.
    """
    csv.field_size_limit(2**31 - 1)
    rows = csv.DictReader((line for _, line in read_lines(path)), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if None in row:
                raise InvalidDataError(
                    f"{where}: {len(rows.fieldnames or ()) + len(row[None])} cells, but the header "
                    f"has {len(rows.fieldnames or ())}: put cells with a {delimiter!r} in quotes"
                )
            yield where, {name: cell for name, cell in row.items() if cell is not None}
    except csv.Error as error:
        raise InvalidDataError(f"{path}, after line {rows.line_num}: not CSV: {error}") from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a UTF-8 file, or of stdin for ``-``, with where they were found.

    Raises:
        InvalidDataError: if the file cannot be read or is not UTF-8.
    """
    name = "stdin" if path == STDIN else str(path)
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                yield f"{name}:{number}", line
    except UnicodeDecodeError as error:
        raise InvalidDataError(
            f"{name}, after line {number}: not UTF-8 ({error.reason}): convert the file to UTF-8"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _opened(path: Path) -> Any:
    if path == STDIN:
        sys.stdin.reconfigure(encoding="utf-8-sig")  # type: ignore[union-attr]
        return nullcontext(sys.stdin)
    return path.open(encoding="utf-8-sig", newline="")


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> InvalidDataError:
    """Return the error that says why a file cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return InvalidDataError(
            f"{path}: not UTF-8 at byte {error.start} ({error.reason}): convert it to UTF-8"
        )
    return InvalidDataError(f"{path}: cannot be read: {error.strerror or error}")
