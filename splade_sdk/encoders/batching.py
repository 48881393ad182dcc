"""Batches of texts of like length, bounded by tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_sdk.errors import ConfigError

__all__ = ["plan_batches"]


def plan_batches(
    lengths: Sequence[int], *, max_tokens: int, max_rows: int | None = None
) -> list[NDArray[np.int64]]:
    """Group texts, longest first, so that a padded batch stays within a number of tokens.

    Longest first means that memory runs out at once or never. A text longer than ``max_tokens``
    gets a batch of its own.

    Args:
        lengths: Tokens of each text. Shape: ``(texts,)``.
        max_tokens: Bound on rows times longest row in a batch, in tokens.
        max_rows: Bound on rows in a batch.

    Returns:
        Positions in ``lengths`` of the texts of each batch; equal lengths keep their order.

    Raises:
        ConfigError: if a bound is below 1.
    """
    for name, bound in (("max_tokens", max_tokens), ("batch_size", max_rows)):
        if bound is not None and bound < 1:
            raise ConfigError(f"{name} is {bound}: expected at least 1")
    sizes = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches = []
    start = 0
    while start < order.size:
        rows = max(1, max_tokens // max(1, int(sizes[order[start]])))
        if max_rows is not None:
            rows = min(rows, max_rows)
        batches.append(order[start : start + rows])
        start += rows
    return batches
