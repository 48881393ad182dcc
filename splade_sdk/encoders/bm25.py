"""Bm25Encoder: the bag-of-words baseline, on the same engine as SPLADE."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.analyzer import Analyzer, TermIds
from splade_sdk.encoders.base import BaseEncoder, EncodeOptions, SideName
from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError
from splade_sdk.idf import idf
from splade_sdk.types import Place, SparseBatch, TermActivation
from splade_sdk.types.arguments import require_text, require_texts
from splade_sdk.types.arrays import MAX_DIMENSIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

__all__ = ["Bm25Encoder"]

# Texts analysed before their counts are packed into arrays.
_BLOCK = 1024


class Bm25Encoder(BaseEncoder):
    """Encodes text into BM25's sparse vectors (Robertson and Zaragoza, 2009).

    The inner product of a query's and a document's vector is BM25's score,

        sum over terms t in query and document of
            idf(t) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average_length))

    where ``tf`` counts t in the document and ``length`` counts the document's words, stop words
    apart. The fraction is the document's weight of t; the query's is 1 for each distinct term,
    and the engine multiplies it by ``idf(t) = ln((n - df + 0.5) / (df + 0.5) + 1)``, where df of
    the n documents with any term in its collection have t (Qdrant's IDF modifier).

    A term's id is a hash of its stem, so there is no vocabulary to build, and a new word needs
    no new encoder.

    Attributes:
        k1: How slowly repeated occurrences saturate.
        b: How much length counts.
        average_length: Words of an average document, stop words apart.

    Args:
        k1: At least 0; at 0 a term counts once, however often it occurs.
        b: Between 0 (length does not count) and 1.
        average_length: Words of an average document, stop words apart; ``fit`` measures it.
        language: Of the Snowball stemmer; None for no stemming.
        stopwords: Words to drop; None drops the usual English ones if the language is English,
            and nothing otherwise.

    Raises:
        ConfigError: if a number is out of range, or there is no stemmer for the language.
        InvalidTypeError: if ``stopwords`` is a string or holds other than strings.

    Example:
        >>> encoder = Bm25Encoder()
        >>> encoder.decode(encoder.encode_query("the symptoms of heart attacks"))
        [('heart', 1.0), ('attack', 1.0), ('symptom', 1.0)]
    """

    def __init__(
        self,
        *,
        k1: float = 1.2,
        b: float = 0.75,
        average_length: float = 256.0,
        language: str | None = "english",
        stopwords: Iterable[str] | None = None,
    ) -> None:
        self.k1 = _require_number(k1, "k1", at_least=0.0)
        self.b = _require_number(b, "b", at_least=0.0)
        if self.b > 1:
            raise ConfigError(f"b is {b}: expected a number between 0 and 1")
        self.average_length = _require_number(average_length, "average_length", at_least=0.0)
        if self.average_length == 0:
            raise ConfigError("average_length is 0: expected the words of an average document, > 0")
        self._terms = TermIds(Analyzer(language, stopwords=stopwords))
        self._idf: Mapping[int, float] | None = None
        self._unseen_idf = 0.0

    @property
    def dimensions(self) -> int:
        """Size of the space that terms are hashed into."""
        return MAX_DIMENSIONS

    @property
    def fingerprint(self) -> Fingerprint:
        """What identifies the document vectors: all parameters, also those ``fit`` measured."""
        analyzer = self._terms.analyzer
        analysis = (analyzer.language, sorted(analyzer.stopwords))
        return Fingerprint(
            kind="bm25",
            model=(
                f"bm25(k1={self.k1:g}, b={self.b:g}, average_length={self.average_length:g}, "
                f"language={analyzer.language!r})"
            ),
            revision=_sha256([analysis, self.k1, self.b, self.average_length]),
            vocabulary_sha256=_sha256(analysis),
            dimensions=self.dimensions,
            idf=self._idf is None,
        )

    @property
    def query_settings(self) -> str:
        """What the vectors of queries depend on beside the fingerprint: a fitted IDF."""
        return _sha256(sorted(self._idf.items())) if self._idf is not None else ""

    def fit(self, texts: Iterable[str], *, with_idf: bool = False) -> Self:
        """Measure ``average_length``, and on request the IDF, on a stream of documents.

        Fit before anything is indexed: document vectors made before and after do not compare.

        Args:
            texts: The documents, or a sample of them; at least one with a word in it.
            with_idf: Let the query side carry the IDF of these documents, for engines that do
                not compute it; it takes memory for every distinct term.

        Returns:
            This encoder.

        Raises:
            InvalidTypeError: if ``texts`` is a string or yields other than strings.
            InvalidInputError: if a text holds a lone surrogate, or no text has a word.
        """
        if isinstance(texts, str | bytes):
            require_texts(texts)
        documents = filled = words = 0
        containing: Counter[int] = Counter()
        for text in texts:
            ids = self._terms.of(require_text(text, name=f"texts[{documents}]"))
            documents += 1
            filled += bool(ids)
            words += len(ids)
            if with_idf:
                containing.update(set(ids))
        if not words:
            raise InvalidInputError(
                f"none of the {documents} texts has a word to measure: fit on the documents that "
                "will be indexed"
            )
        self.average_length = words / documents
        self._idf = None
        if with_idf:
            weights = idf(filled, list(containing.values())).tolist()
            self._idf = dict(zip(containing, weights, strict=True))
            self._unseen_idf = float(idf(filled, 0))
        return self

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        """Return the vectors of texts; see ``SparseEncoder``."""
        size = options.batch_size or _BLOCK
        blocks = [SparseBatch.empty(self.dimensions)]
        for start in range(0, len(texts), size):
            block = self._encode_block(texts[start : start + size], side)
            kept = options.max_active_dims
            blocks.append(block if kept is None else block.prune(kept))
            options.advance(len(block))
        return SparseBatch.concat(blocks)

    def term_names(self, terms: list[int]) -> list[str]:
        """Return the stem of each term id; ``#id`` where no word with it was met lately."""
        return [self._terms.stem_of(term) for term in terms]

    def tokenize(self, text: str) -> list[str]:
        """Return the stems of a text's words, in order, stop words apart."""
        analyzer = self._terms.analyzer
        stems = (analyzer.stem(word) for word in analyzer.words(require_text(text)))
        return [stem for stem in stems if stem is not None]

    def literal_terms(self, text: str) -> set[int]:
        """Return the ids of the terms that occur in a text."""
        return set(self._terms.of(require_text(text)))

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        """Return the terms of a text with the words they come from, heaviest first.

        Args:
            text: Any text.
            query: Encode it as a query instead of as a document.

        Raises:
            InvalidTypeError: if ``text`` is not a string.
            InvalidInputError: if it holds a lone surrogate.
        """
        vector = self.encode_query(text) if query else self.encode_document(text)
        places: dict[int, list[Place]] = defaultdict(list)
        for term, start, end in self._terms.spans(text):
            places[term].append(Place(start, end, start, end))
        return [
            TermActivation(term, self._terms.stem_of(term), weight, True, tuple(places[term]))
            for term, weight in sorted(
                vector.to_dict().items(), key=lambda each: (-each[1], each[0])
            )
        ]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by parameters, also those ``fit`` measured, without the words met."""
        analyzer = self._terms.analyzer
        reconstruct = partial(
            type(self),
            k1=self.k1,
            b=self.b,
            average_length=self.average_length,
            language=analyzer.language,
            stopwords=analyzer.stopwords,
        )
        return reconstruct, (), {"_idf": self._idf, "_unseen_idf": self._unseen_idf}

    def __repr__(self) -> str:
        return (
            f"Bm25Encoder(k1={self.k1:g}, b={self.b:g}, average_length={self.average_length:g}, "
            f"language={self._terms.analyzer.language!r})"
        )

    def _encode_block(self, texts: list[str], side: SideName) -> SparseBatch:
        ids = [self._terms.of(text) for text in texts]
        lengths = np.array([len(row) for row in ids], dtype=np.int64)
        rows = np.repeat(np.arange(len(ids)), lengths)
        flat = np.fromiter((term for row in ids for term in row), np.int64, count=rows.size)
        # A key is a row and a term: sorting keys sorts the terms of each row.
        keys, counts = np.unique(rows * self.dimensions + flat, return_counts=True)
        rows, terms = np.divmod(keys, self.dimensions)
        indptr = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(ids)), out=indptr[1:])
        weights = (
            self._query_weights(terms) if side == "query" else self._weights(counts, lengths[rows])
        )
        return SparseBatch(
            indptr, terms.astype(np.int32), weights.astype(np.float32), self.dimensions
        )

    def _weights(self, tf: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the documents' weights. Shape: that of ``tf``, the counts of each term."""
        norm = 1 - self.b + self.b * lengths / self.average_length
        weights: NDArray[np.float64] = tf * (self.k1 + 1) / (tf + self.k1 * norm)
        return weights

    def _query_weights(self, terms: NDArray[np.int64]) -> NDArray[np.float64]:
        if self._idf is None:
            return np.ones(terms.size)
        return np.array([self._idf.get(term, self._unseen_idf) for term in terms.tolist()])


def _require_number(value: float, name: str, *, at_least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} is {type(value).__name__}: expected a number")
    if not math.isfinite(value) or value < at_least:
        raise ConfigError(f"{name} is {value}: expected a finite number of at least {at_least:g}")
    return float(value)


def _sha256(parameters: object) -> str:
    return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()
