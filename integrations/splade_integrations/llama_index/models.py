"""The default encoder, loaded once where none is given."""

from __future__ import annotations

from functools import cached_property

from splade_sdk.encoders.base import SparseEncoder

__all__ = ["LazyEncoder"]


class LazyEncoder:
    """An encoder that was given, or the default one once it is needed.

    Args:
        encoder: None for SpladeEncoder() with the default model.
    """

    def __init__(self, encoder: SparseEncoder | None) -> None:
        self._given = encoder

    @cached_property
    def encoder(self) -> SparseEncoder:
        """The encoder; loads the default model at first use."""
        if self._given is not None:
            return self._given
        from splade_sdk.encoders.splade import SpladeEncoder

        return SpladeEncoder()
