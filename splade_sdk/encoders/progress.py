"""The progress bar of encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tqdm.auto import tqdm

if TYPE_CHECKING:
    from typing import Any

__all__ = ["encoding_bar"]


def encoding_bar(total: int, show_progress_bar: bool | None) -> tqdm[Any]:
    """Return a bar on stderr that counts texts.

    Args:
        total: Number of texts.
        show_progress_bar: None shows it on a terminal, for work that takes a while.
    """
    return tqdm(
        total=total,
        desc="Encoding",
        unit="text",
        disable=None if show_progress_bar is None else not show_progress_bar,
        delay=2.0 if show_progress_bar is None else 0.0,
    )
