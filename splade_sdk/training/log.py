"""The log of a run as CSV: one line a logging step, whole again after a restart."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainingArguments

__all__ = ["CsvLog", "read_log"]


class CsvLog(TrainerCallback):
    """Writes what the trainer logs.

    Lines of steps that a resumed run does again are dropped first.

    Args:
        path: File to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, float]] = []

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Keep the lines before the step the run starts from."""
        del args, control
        if self._path.is_file():
            self._rows = [row for row in read_log(self._path) if row["step"] <= state.global_step]

    def on_log(
        self,
        args: TrainingArguments,
        state: Any,
        control: Any,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Add a line, or complete the one of the same step."""
        del args, control
        if not state.is_world_process_zero or not logs:
            return
        numbers = {key: float(value) for key, value in logs.items() if _is_number(value)}
        if self._rows and self._rows[-1]["step"] == state.global_step:
            self._rows[-1] |= numbers
        else:
            self._rows.append({"step": float(state.global_step)} | numbers)
        columns = dict.fromkeys(key for row in self._rows for key in row)
        written = self._path.with_suffix(".tmp")
        with written.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(columns))
            writer.writeheader()
            writer.writerows(self._rows)
        written.replace(self._path)


def read_log(path: Path) -> list[dict[str, float]]:
    """Return the lines of a log; a value that a line lacks is not in it.

    Args:
        path: Written by CsvLog.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {key: float(value) for key, value in row.items() if value}
            for row in csv.DictReader(file)
        ]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
