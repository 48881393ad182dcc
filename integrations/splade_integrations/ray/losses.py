"""What could not be stored: written to a file, and counted up to a limit."""

from __future__ import annotations

from pathlib import Path

from splade_integrations.ray.outcome import Outcome
from splade_sdk.errors import EngineError
from splade_sdk.retrieval.ingest.run import DeadLetters

__all__ = ["Losses"]


class Losses:
    """Takes note of failures, on the machine that asked for the indexing.

    Args:
        most: Documents that may fail.
        dead_letter: File they are appended to; None keeps none.

    Raises:
        ConfigError: if the folder of the file does not exist.
    """

    def __init__(self, most: int, dead_letter: str | Path | None) -> None:
        self._most = most
        self._file = None if dead_letter is None else DeadLetters(dead_letter)
        self._count = 0

    def note(self, outcome: Outcome) -> None:
        """Take note of what a block lost.

        Raises:
            EngineError: if more documents have failed than may.
        """
        if self._file is not None:
            for document, cause in outcome.lost:
                self._file.append([document], cause)
            for refused in outcome.refused:
                self._file.append_ids(refused.ids, refused.cause)
        self._count += outcome.failed
        if self._count > self._most and outcome.error is None:
            first = outcome.report.failed[0]
            raise EngineError(
                f"{self._count:,} documents failed, more than max_failed={self._most:,}; the last "
                f"of them, such as {first.ids[0]!r}, because: {first.cause}"
            ) from first.cause
