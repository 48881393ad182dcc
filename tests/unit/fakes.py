"""Tiny encoders for tests, whose vectors can be worked out by hand."""

from __future__ import annotations

import re
import zlib
from collections import Counter

import numpy as np

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import BaseEncoder, EncodeOptions, SideName
from splade_sdk.types import HybridBatch, SparseBatch, SparseVector
from splade_sdk.types.arrays import FloatArray

DIMENSIONS = 65_536


LETTERS = "aeio"


def letters(text: str) -> list[float]:
    """Count each of the letters: four dimensions."""
    return [float(text.lower().count(letter)) for letter in LETTERS]


class WordEncoder(BaseEncoder):
    """One dimension a word. Weighs each word by how often it occurs: 1.0, 2.0, ..."""

    def __init__(self, name: str = "words", dimensions: int = DIMENSIONS) -> None:
        self.name = name
        self._dimensions = dimensions
        self.calls: list[list[str]] = []

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            kind="other",
            model=self.name,
            revision=self.name,
            vocabulary_sha256=self.name,
            dimensions=self._dimensions,
        )

    def _encode(self, text: str) -> SparseVector:
        counts = Counter(
            zlib.crc32(word.encode()) % self._dimensions
            for word in re.findall(r"\w+", text.lower())
        )
        return SparseVector.from_dict({i: float(n) for i, n in counts.items()}, self._dimensions)

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        self.calls.append(texts)
        return SparseBatch.from_vectors([self._encode(text) for text in texts], self._dimensions)

    def term_names(self, terms: list[int]) -> list[str]:
        return [f"term{term}" for term in terms]


class HybridEncoder(WordEncoder):
    """Gives words and letters in one pass."""

    @property
    def dense_dimensions(self) -> int:
        return len(LETTERS)

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        made = self.encode_texts(texts, side=side, options=options)
        return HybridBatch(made, _rows(texts))


class LetterEncoder:
    """A dense model of its own, with one ``encode`` for both sides."""

    model_name = "letters"

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode(self, texts: list[str]) -> FloatArray:
        if "" in texts:
            raise ValueError("an empty text")  # as some services do
        self.calls.append(texts)
        return _rows(texts)


def _rows(texts: list[str]) -> FloatArray:
    return np.array([letters(text) for text in texts], dtype=np.float32)
