"""What an ingest had done when it raised: told with the error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from splade_sdk.types import IngestReport

__all__ = ["reported"]


@contextmanager
def reported(so_far: Callable[[], IngestReport]) -> Iterator[None]:
    """Give whatever is raised inside the attribute ``report``, and from Python 3.11 on a note.

    Args:
        so_far: Returns the report up to now.
    """
    try:
        yield
    except BaseException as error:
        report = so_far()
        error.report = report  # type: ignore[attr-defined]  # also of errors that are not ours
        failed = sum(len(batch.ids) for batch in report.failed)
        if (report.stored or report.skipped or failed) and hasattr(error, "add_note"):
            error.add_note(
                f"before this, {report.stored:,} documents were stored, {report.skipped:,} were "
                f"unchanged, {failed:,} failed"
            )
        raise
