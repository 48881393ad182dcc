"""What it takes to encode one side, queries or documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.types import SparseBatch

__all__ = ["Side"]


class Side(Protocol):
    """Encodes a block of texts."""

    text_tokenizer: TextTokenizer

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""

    def encode(
        self, texts: Sequence[str], *, batch_size: int | None, advance: Callable[[int], object]
    ) -> tuple[SparseBatch, int]:
        """Return the vectors of ``texts`` and how many of them were cut short.

        Args:
            texts: At most some thousands.
            batch_size: Texts (or windows) in one pass at most; None leaves it to their tokens.
            advance: Called with the number of texts done since the last call.
        """
