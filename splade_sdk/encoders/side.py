"""What it takes to encode one side, queries or documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.types import SparseBatch
from splade_sdk.types.arrays import FloatArray

__all__ = ["EncodedBlock", "Side"]


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """What a side made of a block of texts.

    Attributes:
        vectors: A row for each text.
        cut: Texts that were cut short.
        dense: Rows of length 1, zeros for a blank text; None unless asked for. Shape:
            ``(texts, dense_dimensions)``.
    """

    vectors: SparseBatch
    cut: int
    dense: FloatArray | None = None


class Side(Protocol):
    """Encodes a block of texts."""

    text_tokenizer: TextTokenizer

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None where there is no dense head."""

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None,
        advance: Callable[[int], object],
        dense: bool = False,
    ) -> EncodedBlock:
        """Encode ``texts``.

        Args:
            texts: At most some thousands.
            batch_size: Texts (or windows) in one pass at most; None leaves it to their tokens.
            advance: Called with the number of texts done since the last call.
            dense: Also make the dense vectors, in the same pass; only with a dense head.
        """
