"""Reads documents from files: JSONL, CSV, and folders of text files, one at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_sdk.cli.rows import read_table, unreadable
from splade_sdk.datasets.lines import COMPRESSED, STDIN, read_rows
from splade_sdk.errors import InvalidDataError, InvalidDocumentError
from splade_sdk.qdrant.payload import fits_64_bits
from splade_sdk.types import Document

__all__ = ["Fields", "read_documents"]

JSON_LINES = (".jsonl", ".ndjson", ".json")
TABLES = {".csv": ",", ".tsv": "\t"}
TEXTS = (".txt", ".md", ".rst")
_NUMBER = re.compile(  # as in JSON: no leading zeros, so that "007" stays text
    r"-?(0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a row make a document.

    Attributes:
        id: Field of the id.
        text: Fields of the text, joined by line breaks; at least one must be there.
        metadata: Fields kept as metadata; None keeps all others, and takes an object named
            ``metadata`` apart.
        strings: Metadata fields of tables that stay text, whatever they look like.
    """

    id: str = "id"
    text: tuple[str, ...] = ("text",)
    metadata: tuple[str, ...] | None = None
    strings: tuple[str, ...] = ()


def read_documents(paths: Iterable[Path], fields: Fields) -> Iterator[Document]:
    """Yield the documents of files and folders, in order; ``-`` is JSONL on stdin.

    Raises:
        InvalidDataError: if a file or line cannot be used; the message names file, line and field.
    """
    for path in paths:
        yield from _read(path, fields)


def _read(path: Path, fields: Fields) -> Iterator[Document]:
    is_packed = path.suffix.lower() in COMPRESSED
    suffix = (Path(path.stem) if is_packed else path).suffix.lower()
    if path == STDIN or suffix in JSON_LINES:
        for where, row in read_rows(path):
            yield _document(row, fields, where)
    elif suffix in TABLES:
        for where, row in read_table(path, TABLES[suffix]):
            yield _document(_typed(row, fields), fields, where)
    elif suffix in TEXTS and not is_packed:
        yield _text_file(path, path.name)
    elif path.is_dir():
        yield from _folder(path)
    else:
        known = ", ".join([*JSON_LINES, *TABLES, *TEXTS])
        raise InvalidDataError(
            f"{path}: cannot tell what is in it from its name: expected a folder, or a file "
            f"ending in {known}"
        )


def _folder(folder: Path) -> Iterator[Document]:
    found = False
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in TEXTS and path.is_file():
            found = True
            yield _text_file(path, path.relative_to(folder).as_posix())
    if not found:
        raise InvalidDataError(
            f"{folder}: no file ending in {', '.join(TEXTS)} in it or below; name files of other "
            "kinds one by one"
        )


def _text_file(path: Path, identity: str) -> Document:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    return Document(id=identity, text=text, metadata={"path": str(path)})


def _document(row: Mapping[str, Any], fields: Fields, where: str) -> Document:
    identity = _identity(row, fields.id, where)
    text = _text(row, fields.text, where)
    try:
        return Document(id=identity, text=text, metadata=_metadata(row, fields, where))
    except InvalidDocumentError as error:
        raise InvalidDataError(f"{where}: {error}") from error


def _typed(row: Mapping[str, str], fields: Fields) -> dict[str, Any]:
    """Return the row of a table, in which all is text, with its metadata as JSON would have it."""
    text = {fields.id, *fields.text, *fields.strings}
    return {name: cell if name in text else _value(cell) for name, cell in row.items()}


def _value(cell: str) -> str | int | float | bool:
    if cell in ("true", "false"):
        return cell == "true"
    if not (found := _NUMBER.fullmatch(cell)):
        return cell
    number = float(cell) if found["fraction"] or found["exponent"] else int(cell)
    fits = math.isfinite(number) if isinstance(number, float) else fits_64_bits(number)
    return number if fits else cell


def _identity(row: Mapping[str, Any], field: str, where: str) -> str:
    value = _field(row, field, where, "--id-field")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise InvalidDataError(
            f"{where}: field {field!r} is {value!r}: expected a non-empty string or a whole number"
        )
    return str(value)


def _text(row: Mapping[str, Any], fields: Sequence[str], where: str) -> str:
    parts = []
    for field in fields:
        value = _field(row, field, where, "--text-field")
        if not isinstance(value, str):
            raise InvalidDataError(
                f"{where}: field {field!r} is {type(value).__name__}: expected a string"
            )
        parts.append(value)
    return "\n".join(part for part in parts if part)


def _metadata(row: Mapping[str, Any], fields: Fields, where: str) -> dict[str, Any]:
    if fields.metadata is not None:
        return {name: _field(row, name, where, "--metadata-field") for name in fields.metadata}
    others = {name: value for name, value in row.items() if name not in (fields.id, *fields.text)}
    nested = others.get("metadata")
    if isinstance(nested, Mapping):
        del others["metadata"]
        return {**others, **nested}
    return others


def _field(row: Mapping[str, Any], field: str, where: str, option: str) -> Any:
    if field not in row:
        raise InvalidDataError(
            f"{where}: no field {field!r}; it has {', '.join(map(repr, row)) or 'none'}: name the "
            f"right one with {option}"
        )
    return row[field]
