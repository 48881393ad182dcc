"""Reading and writing lines of JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import zstandard

__all__ = ["read_lines", "read_zst", "write_lines"]


def read_zst(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a compressed file."""
    with path.open("rb") as file:
        for line in io.TextIOWrapper(
            zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"
        ):
            yield json.loads(line)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a plain file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a plain file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
