"""Progress bars, the same everywhere: on stderr, and by default only where someone waits."""

from __future__ import annotations

from typing import NoReturn

from tqdm.auto import tqdm

__all__ = ["progress_bar"]

_PATIENCE_S = 2.0


def progress_bar(
    *, desc: str, unit: str, show: bool | None, total: int | None = None, initial: int = 0
) -> tqdm[NoReturn]:
    """Return a bar of tqdm that is updated by hand.

    Args:
        desc: What is being done.
        unit: What is counted.
        show: None shows it on a terminal, for work that takes more than two seconds.
        total: Number of items, where it is known.
        initial: Items that are done already.
    """
    return tqdm(
        desc=desc,
        unit=unit,
        total=total,
        initial=initial,
        disable=None if show is None else not show,
        delay=_PATIENCE_S if show is None else 0.0,
    )
