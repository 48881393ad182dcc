"""Synthetic vectors with the statistics of SPLADE's, and an encoder that hands them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.types import SparseBatch, SparseVector

DIMENSIONS = 30_522  # the vocabulary of BERT
DOCUMENT_TERMS = 120
QUERY_TERMS = 30
ZIPF = 0.8  # exponent of the terms' frequencies
CHUNK = 256

FINGERPRINT = Fingerprint(
    kind="other",
    model="synthetic",
    revision="1",
    vocabulary_sha256="synthetic",
    dimensions=DIMENSIONS,
)


def vectors(terms: int, seed: int) -> Iterator[SparseBatch]:
    """Yield batches of CHUNK vectors without end, each with just so many terms."""
    chance = np.random.default_rng(seed)
    ids = np.random.default_rng(0).permutation(DIMENSIONS).astype(np.int32)
    frequency = 1 / np.arange(1, DIMENSIONS + 1) ** ZIPF
    cumulated = np.cumsum(frequency / frequency.sum())
    while True:
        places = np.searchsorted(cumulated, chance.random((CHUNK, 4 * terms)))
        drawn = ids[np.minimum(places, DIMENSIONS - 1)]
        rows = []
        for row in drawn:
            _, first = np.unique(row, return_index=True)
            rows.append(np.sort(row[np.sort(first)[:terms]]))
        indices = np.stack(rows)
        values = chance.gamma(2.0, 0.4, indices.size).astype(np.float32) + np.float32(0.01)
        indptr = np.arange(CHUNK + 1, dtype=np.int64) * terms
        yield SparseBatch(indptr, indices.ravel(), values, DIMENSIONS)


def texts(words: int, seed: int) -> Iterator[str]:
    """Yield short texts without end."""
    chance = np.random.default_rng(seed)
    vocabulary = [f"word{n}" for n in range(5000)]
    for _ in count():
        yield " ".join(vocabulary[n] for n in chance.integers(0, 5000, words))


class ReadyVectors:
    """An encoder whose queries were encoded before: the text is the position of its vector."""

    def __init__(self, queries: Sequence[SparseVector]) -> None:
        self._queries = queries
        self.fingerprint = FINGERPRINT

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        del side, options
        return SparseBatch.from_vectors([self._queries[int(text)] for text in texts], DIMENSIONS)
