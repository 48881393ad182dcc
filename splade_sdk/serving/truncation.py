"""Texts that are longer than the model takes."""

from __future__ import annotations

from collections.abc import Sequence

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import InvalidInputError

__all__ = ["require_short"]


def require_short(encoder: SparseEncoder, texts: Sequence[str]) -> None:
    """Check that no text would be cut.

    Args:
        encoder: One without a tokenizer and a length, or that encodes long texts in windows, cuts
            nothing.
        texts: What is to be encoded.

    Raises:
        InvalidInputError: if one would; the message names the first.
    """
    tokenizer = getattr(encoder, "tokenizer", None)
    most = getattr(encoder, "max_length", None)
    if tokenizer is None or most is None or getattr(encoder, "long_documents", "") == "windows":
        return
    for at, ids in enumerate(tokenizer(list(texts), verbose=False)["input_ids"]):
        if len(ids) > most:
            raise InvalidInputError(
                f"inputs[{at}] has {len(ids)} tokens, the model takes {most}: shorten it, or send "
                "truncate: true"
            )
