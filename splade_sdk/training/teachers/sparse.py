"""Another sparse encoder, SPLADE or BM25."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from math import log1p

import numpy as np

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import ConfigError
from splade_sdk.training.teachers.base import ScoreArray
from splade_sdk.training.teachers.cache import TextCache
from splade_sdk.types import SparseVector

__all__ = ["SparseTeacher"]

_CORPUS_BATCH = 1024


class SparseTeacher:
    """Scores pairs by the inner product of their sparse vectors.

    An encoder that leaves the inverse document frequency to the engine (BM25) needs the corpus, of
    N documents of which n_j have the term j; query weights are then multiplied by::

        idf_j = ln(1 + (N - n_j + 0.5) / (n_j + 0.5))

    Args:
        encoder: The encoder.
        corpus: Texts to count document frequencies in; read once.
        cache_size: Vectors of documents kept, since hard negatives come again and again.

    Raises:
        ConfigError: if the encoder needs a corpus and there is none.
    """

    def __init__(
        self,
        encoder: SparseEncoder,
        *,
        corpus: Iterable[str] | None = None,
        cache_size: int = 50_000,
    ) -> None:
        self._encoder = encoder
        self._frequencies: _DocumentFrequencies | None = None
        if encoder.fingerprint.idf:
            if corpus is None:
                raise ConfigError(
                    f"the teacher {encoder.fingerprint.model!r} weighs terms by their document "
                    "frequency: pass corpus= to count them in"
                )
            self._frequencies = _DocumentFrequencies(encoder, corpus)
        self._documents: TextCache[SparseVector] = TextCache(encoder.encode_document, cache_size)

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents."""
        encoded = list(self._encoder.encode_query(list(queries)))
        if self._frequencies is not None:
            encoded = [self._frequencies.weigh(query) for query in encoded]
        found = iter(self._documents.get([text for texts in documents for text in texts]))
        return [
            np.array([query.dot(next(found)) for _ in texts], dtype=np.float32)
            for query, texts in zip(encoded, documents, strict=True)
        ]


class _DocumentFrequencies:
    """idf of each term, kept for the terms that occur: the space itself may have 2^31."""

    def __init__(self, encoder: SparseEncoder, corpus: Iterable[str]) -> None:
        texts = iter(corpus)
        counts: Counter[int] = Counter()
        total = 0
        while batch := list(islice(texts, _CORPUS_BATCH)):
            terms, occurrences = np.unique(
                encoder.encode_document(batch).indices, return_counts=True
            )
            counts.update(dict(zip(terms.tolist(), occurrences.tolist(), strict=True)))
            total += len(batch)
        self._idf = {term: _idf(total, count) for term, count in counts.items()}
        self._unseen = _idf(total, 0)

    def weigh(self, query: SparseVector) -> SparseVector:
        factors = [self._idf.get(term, self._unseen) for term in query.indices.tolist()]
        values = query.values * np.array(factors, dtype=np.float32)
        return SparseVector(query.indices, values, query.dimensions)


def _idf(total: int, frequency: int) -> float:
    return log1p((total - frequency + 0.5) / (frequency + 0.5))
