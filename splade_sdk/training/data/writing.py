"""Writes examples to disk one at a time, so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from splade_sdk.errors import ConfigError, InvalidDataError, TrainingError
from splade_sdk.training.data.example import Example, parse_example
from splade_sdk.training.data.source import Source

__all__ = ["ExampleWriter", "example_writer"]


class ExampleWriter:
    """Appends examples to ``<output>.partial``.

    Attributes:
        done: Examples that are on disk.
    """

    def __init__(self, file: IO[bytes], done: int) -> None:
        self._file = file
        self.done = done

    def write(self, examples: list[Example]) -> None:
        """Append examples; they are on disk when it returns."""
        self._file.write(b"".join(map(_line, examples)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.done += len(examples)


@contextmanager
def example_writer(
    output: Path, source: Source, *, overwrite: bool = False
) -> Iterator[ExampleWriter]:
    """Open a file for the examples made from ``source``, one for each in order.

    Rows are appended to ``<output>.partial``, which becomes ``output`` when the block ends without
    an error. If there is a partial file already, its rows count as done; a last line that was cut
    off is dropped.

    Args:
        output: JSONL file to make.
        source: What the rows are made from.
        overwrite: Replace an ``output`` that exists.

    Raises:
        ConfigError: if ``output`` exists and may not be replaced.
        InvalidDataError: if the partial file was made from other data.
        TrainingError: if the disk is full or the folder cannot be written; rows done are kept.
    """
    if output.exists() and not overwrite:
        raise ConfigError(f"{output}: exists already: delete it, or name another file")
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("a+b") as file:
            yield ExampleWriter(file, _rows_done(file, partial, source))
        partial.replace(output)
    except OSError as error:
        raise TrainingError(
            f"{output}: cannot be written: {error}; the rows done so far are kept in {partial}, "
            "run it again to go on"
        ) from error


def _rows_done(file: IO[bytes], path: Path, source: Source) -> int:
    """Return the number of whole rows, drop what follows them, and check whose they are."""
    file.seek(0)
    end = done = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        where = f"{path}:{done + 1}"
        try:
            written = parse_example(json.loads(line), where)
        except ValueError as error:
            raise InvalidDataError(
                f"{where}: cannot be gone on from ({error}): delete the file to start again"
            ) from error
        if done >= len(source) or written.query != source[done].query:
            raise InvalidDataError(
                f"{where}: its query is not the one in the data: the file was made from other "
                "data; delete it to start again"
            )
        done += 1
        end += len(line)
    file.truncate(end)
    file.seek(end)
    return done


def _line(example: Example) -> bytes:
    row: dict[str, object] = {"query": example.query, "positive": example.documents[0]}
    if len(example.documents) > 1:
        row["negatives"] = example.documents[1:]
    if example.scores is not None:
        row["scores"] = example.scores
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"
