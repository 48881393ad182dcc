"""Matches: which terms of a query a document shares, and where they stand in its text."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from splade_sdk.encoders.base import SparseEncoder, decode
from splade_sdk.serving.wire import QueryTerm, TermMatch
from splade_sdk.types import SparseVector

__all__ = ["Matches"]

_WORD = re.compile(r"\w+")
_REMEMBERED_WORDS = 1 << 16


class Matches:
    """Explains hits of the sparse vectors of an encoder.

    A term is literal where it stands in the text itself, else the model added it.

    Args:
        encoder: What made the vectors; one without ``literal_terms`` cannot tell literal terms.
    """

    def __init__(self, encoder: SparseEncoder) -> None:
        self._encoder = encoder
        self._literal_terms = getattr(encoder, "literal_terms", None)
        self._adds_up = not encoder.fingerprint.idf
        self._terms_of = lru_cache(_REMEMBERED_WORDS)(self._terms_of_word)

    def query_terms(self, query: str, vector: SparseVector) -> list[QueryTerm]:
        """Return the terms of a query's vector, heaviest first."""
        literal = self._literal(query)
        order = np.lexsort((vector.indices, -vector.values))
        return [
            QueryTerm(
                term=term, weight=weight, literal=None if literal is None else index in literal
            )
            for index, (term, weight) in zip(
                vector.indices[order].tolist(), decode(self._encoder, vector), strict=True
            )
        ]

    def of(
        self, query: str, query_vector: SparseVector, text: str, vector: SparseVector
    ) -> tuple[list[TermMatch], list[tuple[int, int]]]:
        """Return the terms that query and document share, and the words they stand for.

        Args:
            query: The query.
            query_vector: Its vector.
            text: The document.
            vector: Its vector.

        Returns:
            The terms, those that add most to the score first, where a term adds the product of
            its two weights; and the words of the document that have half of their terms among
            them, as [start, end) in characters. (Half, because a long word may begin with a short
            one's token, as "iterator" does with "it".)
        """
        shared, mine, theirs = np.intersect1d(
            query_vector.indices, vector.indices, assume_unique=True, return_indices=True
        )
        if not shared.size:
            return [], []
        products = query_vector.values[mine] * vector.values[theirs]
        in_query, in_text = self._literal(query), self._literal(text)
        order = np.lexsort((shared, -products))
        ids = shared[order].tolist()
        names = decode(self._encoder, SparseVector(shared, products, vector.dimensions))
        terms = [
            TermMatch(
                term=term,
                score=score if self._adds_up else None,
                in_query=None if in_query is None else index in in_query,
                in_text=None if in_text is None else index in in_text,
            )
            for index, (term, score) in zip(ids, names, strict=True)
        ]
        return terms, self._spans(text, frozenset(ids) & (in_text or frozenset()))

    def _literal(self, text: str) -> set[int] | None:
        if self._literal_terms is None:
            return None
        found: set[int] = self._literal_terms(text)
        return found

    def _spans(self, text: str, terms: frozenset[int]) -> list[tuple[int, int]]:
        if not terms:
            return []
        return [
            word.span()
            for word in _WORD.finditer(text)
            if (own := self._terms_of(word.group())) and 2 * len(terms & own) >= len(own)
        ]

    def _terms_of_word(self, word: str) -> frozenset[int]:
        return frozenset(self._literal(word) or ())
