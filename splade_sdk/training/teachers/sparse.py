"""Another sparse encoder, SPLADE or BM25."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

import numpy as np

from splade_sdk.encoders.base import EncodeOptions, SparseEncoder
from splade_sdk.errors import ConfigError
from splade_sdk.idf import idf
from splade_sdk.training.teachers.base import ScoreArray
from splade_sdk.training.teachers.cache import TextCache
from splade_sdk.types import SparseVector
from splade_sdk.types.arguments import require_texts

__all__ = ["SparseTeacher"]

_CORPUS_BATCH = 1024


class SparseTeacher:
    """Scores pairs by the inner product of their sparse vectors.

    An encoder that leaves the inverse document frequency to the engine (BM25) needs the corpus, of
    N documents of which n_j have the term j; query weights are then multiplied by
    ``idf(N, n_j)`` (see ``splade_sdk.idf``).

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
        self._documents: TextCache[SparseVector] = TextCache(
            partial(encoder.encode_texts, side="document", options=EncodeOptions()), cache_size
        )

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents."""
        encoded = list(
            self._encoder.encode_texts(
                require_texts(queries), side="query", options=EncodeOptions()
            )
        )
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
            vectors = encoder.encode_texts(
                require_texts(batch), side="document", options=EncodeOptions()
            )
            terms, occurrences = np.unique(vectors.indices, return_counts=True)
            counts.update(dict(zip(terms.tolist(), occurrences.tolist(), strict=True)))
            total += len(batch)
        weights = idf(total, list(counts.values())).tolist()
        self._idf = dict(zip(counts, weights, strict=True))
        self._unseen = float(idf(total, 0))

    def weigh(self, query: SparseVector) -> SparseVector:
        factors = [self._idf.get(term, self._unseen) for term in query.indices.tolist()]
        values = query.values * np.array(factors, dtype=np.float32)
        return SparseVector(query.indices, values, query.dimensions)
