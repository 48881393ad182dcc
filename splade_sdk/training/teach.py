"""Scores pairs with a teacher, once, so that training reads the scores from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from splade_sdk.errors import ConfigError, TrainingError
from splade_sdk.progress import progress_bar
from splade_sdk.training.data.example import Example
from splade_sdk.training.data.source import Source, open_source
from splade_sdk.training.data.writing import example_writer
from splade_sdk.training.teachers.base import ScoreArray, Teacher

__all__ = ["score_pairs"]


def score_pairs(
    teacher: Teacher,
    data: Source | Path | str,
    output: Path | str,
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    show_progress_bar: bool | None = None,
) -> int:
    """Write each example of the data with the teacher's score of each of its documents.

    Memory does not grow with the data. If it is killed, run it again with the same arguments: it
    goes on after the last example on disk, and ``output`` appears when all are done.

    Args:
        teacher: Scores the documents.
        data: Examples, or the file or folder they are in.
        output: JSONL file to make.
        batch_size: Examples scored at once.
        overwrite: Replace an ``output`` that exists.
        show_progress_bar: Draw a bar on stderr; None draws it on a terminal only.

    Returns:
        The number of examples in ``output``.

    Raises:
        ConfigError: if ``batch_size`` is below 1, or ``output`` exists and may not be replaced.
        InvalidDataError: if the data cannot be used, or a run to go on with was of other data.
        TrainingError: if the teacher gives a score that is not a finite number, or the disk is
            full; what is done is kept.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}: expected at least 1")
    source = open_source(data) if isinstance(data, str | Path) else data
    with (
        example_writer(Path(output), source, overwrite=overwrite) as writer,
        progress_bar(
            desc="teach",
            unit="query",
            show=show_progress_bar,
            total=len(source),
            initial=writer.done,
        ) as bar,
    ):
        while writer.done < len(source):
            end = min(writer.done + batch_size, len(source))
            examples = [source[at] for at in range(writer.done, end)]
            scored = teacher.score(
                [example.query for example in examples],
                [example.documents for example in examples],
            )
            writer.write(list(map(_with_scores, examples, scored)))
            bar.update(len(examples))
        return writer.done


def _with_scores(example: Example, scores: ScoreArray) -> Example:
    if len(scores) != len(example.documents) or not np.isfinite(scores).all():
        raise TrainingError(
            f"the teacher gave {scores.tolist()} for the {len(example.documents)} documents of the "
            f"query {example.query[:80]!r}: expected a finite number for each"
        )
    return replace(example, scores=tuple(map(float, scores)))
