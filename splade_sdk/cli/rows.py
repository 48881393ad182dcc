"""Reads the rows of tables one at a time, each with its place (file and line)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from splade_sdk.datasets.lines import place, read_lines
from splade_sdk.errors import InvalidDataError

__all__ = ["read_table", "unreadable"]


def read_table(path: Path, delimiter: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file with a header, with where they were found.

    Raises:
        InvalidDataError: if a row has more cells than the header, or the quoting is broken.
    """
    csv.field_size_limit(2**31 - 1)
    rows = csv.DictReader((line for _, line in read_lines(path)), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            where = place(path, rows.line_num)
            if None in row:
                raise InvalidDataError(
                    f"{where}: {len(rows.fieldnames or ()) + len(row[None])} cells, but the header "
                    f"has {len(rows.fieldnames or ())}: put cells with a {delimiter!r} in quotes"
                )
            yield where, {name: cell for name, cell in row.items() if cell is not None}
    except csv.Error as error:
        raise InvalidDataError(f"{path}, after line {rows.line_num}: not CSV: {error}") from error


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> InvalidDataError:
    """Return the error that says why a file cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return InvalidDataError(
            f"{path}: not UTF-8 at byte {error.start} ({error.reason}): convert it to UTF-8"
        )
    return InvalidDataError(f"{path}: cannot be read: {error.strerror or error}")
