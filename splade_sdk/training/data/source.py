"""Where examples come from: one protocol, and the files that follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from splade_sdk.datasets.line_file import LineFile
from splade_sdk.errors import InvalidDataError
from splade_sdk.training.data.beir import BeirSource
from splade_sdk.training.data.example import Example, parse_example

__all__ = ["JsonlSource", "Source", "open_source"]

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".json")


class Source(Protocol):
    """Examples by number."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def __getitem__(self, at: int, /) -> Example:
        """Return an example."""


class JsonlSource:
    """Pairs, triples and scored lists in a JSONL file, plain or compressed.

    Every line is checked when the source is made, so that a bad one is found before training.

    Args:
        path: See LineFile; for the rows, see ``parse_example``.

    Raises:
        InvalidDataError: if the file or a line of it cannot be used; the message names file, line
            and field.
    """

    def __init__(self, path: Path) -> None:
        self._lines = LineFile(path)
        for at in range(len(self)):
            _ = self[at]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._lines)

    def __getitem__(self, at: int) -> Example:
        """Return an example."""
        return parse_example(self._lines[at], self._lines.where(at))


def open_source(path: Path | str, split: str = "train") -> Source:
    """Open a JSONL file, or a folder in BEIR layout.

    Args:
        path: File or folder.
        split: Which judgements of a BEIR folder, as in ``qrels/train.tsv``.

    Raises:
        InvalidDataError: if it is neither, or cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        return BeirSource(path, split)
    if not path.exists():
        raise InvalidDataError(f"{path}: does not exist: expected a JSONL file or a BEIR folder")
    if not path.name.endswith(SUFFIXES):
        raise InvalidDataError(
            f"{path}: cannot tell what is in it from its name: expected a folder, or a file ending "
            f"in {', '.join(SUFFIXES)}"
        )
    return JsonlSource(path)
