"""Tiny encoders for tests, whose vectors can be worked out by hand."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.inputs import require_text, require_texts
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector
from splade_sdk.types.arrays import FloatArray

DIMENSIONS = 65_536


LETTERS = "aeio"


def letters(text: str) -> list[float]:
    """Count each of the letters: four dimensions."""
    return [float(text.lower().count(letter)) for letter in LETTERS]


class WordEncoder:
    """One dimension a word. Weighs each word by how often it occurs: 1.0, 2.0, ..."""

    def __init__(self, name: str = "words", dimensions: int = DIMENSIONS) -> None:
        self.name = name
        self.dimensions = dimensions
        self.calls: list[list[str]] = []

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            kind="other",
            model=self.name,
            revision=self.name,
            vocabulary_sha256=self.name,
            dimensions=self.dimensions,
        )

    def _encode(self, text: str) -> SparseVector:
        counts = Counter(
            zlib.crc32(word.encode()) % self.dimensions for word in re.findall(r"\w+", text.lower())
        )
        return SparseVector.from_dict({i: float(n) for i, n in counts.items()}, self.dimensions)

    def encode_document(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
    ) -> SparseVector | SparseBatch:
        if isinstance(texts, str):
            return self._encode(require_text(texts))
        checked = require_texts(texts)
        self.calls.append(checked)
        return SparseBatch.from_vectors([self._encode(text) for text in checked], self.dimensions)

    encode_query = encode_document
    encode = encode_document

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        ordered = sorted(vector.to_dict().items(), key=lambda item: (-item[1], item[0]))
        return [(f"term{index}", weight) for index, weight in ordered[:top_k]]


class HybridEncoder(WordEncoder):
    """Gives words and letters in one pass."""

    dense_dimensions = len(LETTERS)

    def encode_document(  # type: ignore[override]
        self, texts: str | Sequence[str], *, dense: bool = False, **options: Any
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        made = super().encode_document(texts, **options)
        if not dense:
            return made
        if isinstance(made, SparseVector):
            return HybridVector(made, _rows([str(texts)])[0])
        return HybridBatch(made, _rows(list(texts)))

    encode_query = encode_document  # type: ignore[assignment]
    encode = encode_document  # type: ignore[assignment]


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
