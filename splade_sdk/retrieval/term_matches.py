"""The terms that a query and a document share, and what each gives to the sparse score."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from splade_sdk.encoders.base import SparseEncoder, decode
from splade_sdk.qdrant.base import Collection, SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.retrieval.term_origins import TermOrigins
from splade_sdk.types import SparseVector, TermMatch
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.terms import readable_term

__all__ = ["SAME_SCORE", "TermMatches", "answers", "match_terms"]

SAME_SCORE = 1e-4
"""Share of a score within which a sum counts as that score: engines add up in float32."""


class TermMatches(NamedTuple):
    """What ``Explanation`` tells of terms."""

    terms: tuple[TermMatch, ...]
    missing: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]


def match_terms(
    collection: Collection,
    encoder: SparseEncoder,
    *,
    query: str | None,
    query_vector: SparseVector,
    document_id: str,
    text: str,
    vector: SparseVector,
    score: float | None,
) -> TermMatches:
    """Return the shared terms with their contributions, and the query's other terms.

    Contributions are products of weights. Where those do not add up to the score, because the
    engine applies an inverse document frequency or keeps weights in fewer bits, each is the
    engine's own answer to a query of that one term.

    Args:
        collection: Holds the document.
        encoder: Made both vectors.
        query: Text of the query; None where it was a vector.
        query_vector: Vector of the query.
        document_id: Id of the document.
        text: Its text.
        vector: Its vector, as it is stored.
        score: What the sparse leg found it with; None where it did not.

    Raises:
        EngineError: if the engine fails.
    """
    shared, in_query, in_document = np.intersect1d(
        query_vector.indices, vector.indices, assume_unique=True, return_indices=True
    )
    query_weights = query_vector.values[in_query].astype(np.float64)
    weights = vector.values[in_document].astype(np.float64)
    given = query_weights * weights
    idf = np.ones(shared.size)
    if encoder.fingerprint.idf or (score is not None and not _adds_up(given, score)):
        single = [_part(query_vector, in_query[at : at + 1]) for at in range(shared.size)]
        given = np.array(answers(collection, document_id, single))
        if encoder.fingerprint.idf:
            idf = given / (query_weights * weights)
    notes: list[str] = []
    if score is not None and not _adds_up(given, score):
        notes.append(
            f"The document has changed since the search: its terms now add up to {given.sum():.4f}."
        )
    origins = TermOrigins.of(encoder, query, query_vector, text, vector)
    matches = [
        origins.match(*parts)
        for parts in zip(
            shared.tolist(),
            query_weights.tolist(),
            weights.tolist(),
            given.tolist(),
            idf.tolist(),
            strict=True,
        )
    ]
    rest = np.setdiff1d(np.arange(len(query_vector)), in_query)
    lacking = decode(encoder, _part(query_vector, rest))
    return TermMatches(
        tuple(sorted(matches, key=lambda match: (-match.contribution, match.index))),
        tuple((readable_term(term), weight) for term, weight in lacking),
        (*notes, *origins.notes),
    )


def answers(
    collection: Collection, document_id: str, queries: Sequence[SparseVector | FloatArray]
) -> list[float]:
    """Return the engine's score of one document for each query; 0 where it does not find it.

    Args:
        collection: Holds the document.
        document_id: Its id.
        queries: Vectors to search by.
    """
    only = models.Filter(must=[models.HasIdCondition(has_id=[point_id(document_id)])])
    found = collection.search_batch(
        [SearchRequest(query, limit=1, filter=only, with_payload=False) for query in queries]
    )
    return [points[0].score if points else 0.0 for points in found]


def _part(vector: SparseVector, positions: NDArray[np.int64]) -> SparseVector:
    return SparseVector(vector.indices[positions], vector.values[positions], vector.dimensions)


def _adds_up(contributions: NDArray[np.float64], score: float) -> bool:
    return isclose(contributions.sum(), score, rel_tol=SAME_SCORE, abs_tol=1e-9)
