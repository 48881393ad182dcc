"""Reads text files a line at a time, each with its place for messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from splade_sdk.errors import InvalidDataError

__all__ = ["read_lines", "read_rows", "whole_number"]


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with its place.

    Raises:
        InvalidDataError: if the file does not exist or is not UTF-8.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        for number, raw in enumerate(file, start=1):
            where = f"{path}, line {number}"
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InvalidDataError(f"{where}: not UTF-8, {error}") from error
            if line := line.rstrip("\r\n"):
                yield where, line


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the JSON object of each line with the line's place.

    Raises:
        InvalidDataError: if a line is not a JSON object.
    """
    for where, line in read_lines(path):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidDataError(f"{where}: not JSON, {error}") from error
        if not isinstance(row, dict):
            raise InvalidDataError(f"{where}: {type(row).__name__}, expected a JSON object")
        yield where, row


def whole_number(text: str, where: str, field: str) -> int:
    """Return a whole number.

    Raises:
        InvalidDataError: if the text is none.
    """
    try:
        return int(text)
    except ValueError as error:
        raise InvalidDataError(
            f"{where}, field {field!r}: {text!r} is not a whole number"
        ) from error
