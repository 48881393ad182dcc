"""TermIds: words to term ids by a hash, and back for those met lately."""

from __future__ import annotations

import hashlib

from splade_sdk.encoders.analyzer import Analyzer
from splade_sdk.types.arrays import MAX_DIMENSIONS

__all__ = ["TermIds"]

# Words remembered at a time (about 200 MB); a stream of documents has no end of new ones.
_REMEMBERED = 1_000_000


class TermIds:
    """The term ids of texts.

    A term's id is the first 8 bytes of its stem's BLAKE2b hash, modulo the size of the space: the
    same in every process and release. Of n distinct terms, n**2 / 2**32 pairs share an id: 0.6
    pairs at n = 50,000.

    Args:
        analyzer: Finds the terms.
        remembered: Words kept at most, with their ids; when full, all are forgotten.
    """

    def __init__(self, analyzer: Analyzer, *, remembered: int = _REMEMBERED) -> None:
        self.analyzer = analyzer
        self._words = _Words(self)
        self._told: dict[int, str] = {}
        self._remembered = remembered

    def of(self, text: str) -> list[int]:
        """Return the id of each word, in order, stop words apart."""
        look_up = self._words.__getitem__
        return [term for term in map(look_up, self.analyzer.words(text)) if term >= 0]

    def places(self, text: str) -> list[tuple[int, int, int]]:
        """Return the id of each word with where it stands in the text, stop words apart."""
        found = self.analyzer.places(text)
        ids = [(self._words[word], start, end) for word, start, end in found]
        return [place for place in ids if place[0] >= 0]

    def told(self, term: int) -> str:
        """Return the stem of an id, or ``#id`` if no word with it is remembered."""
        return self._told.get(term, f"#{term}")

    def _learn(self, word: str) -> int:
        """Return and remember the id of a new word; -1 for a stop word."""
        stem = self.analyzer.stem(word)
        if len(self._words) >= self._remembered:
            self._words.clear()
            self._told.clear()
        term = -1
        if stem is not None:
            digest = hashlib.blake2b(stem.encode(), digest_size=8).digest()
            term = int.from_bytes(digest, "big") % MAX_DIMENSIONS
            self._told[term] = stem
        self._words[word] = term
        return term


class _Words(dict[str, int]):
    """A cache that asks for what it lacks: a hit costs no call of Python code."""

    def __init__(self, terms: TermIds) -> None:
        super().__init__()
        self._terms = terms

    def __missing__(self, word: str) -> int:
        return self._terms._learn(word)
