"""Encoders for tests of frameworks."""

from __future__ import annotations

from splade_sdk.types import SparseVector
from tests.unit.fakes import WordEncoder

__all__ = ["CommonTermEncoder"]


class CommonTermEncoder(WordEncoder):
    """Gives every text a term in common, of weight 0.5, so that every document matches.

    The standard tests of frameworks ask stores for all documents, near or far, as dense vectors
    give them. A text that shares n words with a query scores n + 0.25.
    """

    def _encode(self, text: str) -> SparseVector:
        return SparseVector.from_dict({**super()._encode(text).to_dict(), 0: 0.5}, self.dimensions)
