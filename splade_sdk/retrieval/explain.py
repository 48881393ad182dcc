"""Why a document matched: what its terms, and the legs of the search, gave to its score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose

from splade_sdk.errors import DocumentNotFoundError
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import from_payload
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.leg_shares import leg_shares
from splade_sdk.retrieval.query_vectors import Asked, Query
from splade_sdk.retrieval.search import SearchOptions
from splade_sdk.retrieval.term_matches import SAME_SCORE, TermMatches, answers, match_terms
from splade_sdk.types import Explanation, Hit, Leg, SparseVector

__all__ = ["Explainer"]

_NO_TERMS = TermMatches((), (), ())
_DENSE_ONLY = "A dense score cannot be taken apart into terms."


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains the hits of one query; what a hit keeps of its search.

    The encoder runs again over both texts, to tell where their terms come from, and what the hit
    does not have is read again. For what each leg gave to a fused score, the legs are searched
    again.

    Attributes:
        connection: Of the retriever that searched.
        query: What was searched for, as the caller gave it; None for documents like others.
        asked: Its vectors.
        options: How it was searched.
    """

    connection: Connection
    query: Query | None
    asked: Asked
    options: SearchOptions

    def __call__(self, hit: Hit | str, *, query: str | None = None) -> Explanation:
        """Explain a hit, or a document by its id, found or not.

        Args:
            hit: A hit of this search, or the id of any document.
            query: Text of the query, where the search was given its vector.

        Raises:
            DocumentNotFoundError: if there is no such document (any more).
            EngineError: if the engine fails.
        """
        collection = self.connection.open()
        document_id = hit if isinstance(hit, str) else hit.id
        text, vector = _stored(collection, hit)
        found = self._found(collection, hit)
        asked = self.asked.legs.get("sparse")
        if query is None and isinstance(self.query, str):
            query = self.query
        matches = _NO_TERMS
        if isinstance(asked, SparseVector):
            matches = match_terms(
                collection,
                self.connection.encoding.encoder,
                query=query,
                query_vector=asked,
                document_id=document_id,
                text=text,
                vector=vector,
                score=found.sparse_score,
            )
        elif self.asked.legs:
            found.notes.append(_DENSE_ONLY)
        return Explanation(
            query=query,
            document_id=document_id,
            text=text,
            score=found.score,
            terms=matches.terms,
            missing=matches.missing,
            legs=found.legs,
            shares=found.shares,
            notes=(*found.notes, *matches.notes),
        )

    def _found(self, collection: Collection, hit: Hit | str) -> _Found:
        if self.asked.fused:
            return self._fused(collection, hit)
        legs: Mapping[str, Leg] = {}
        if isinstance(hit, Hit):
            legs, score = hit.legs, hit.score
        else:  # of the only leg, if the query has one at all
            score = sum(answers(collection, hit, list(self.asked.legs.values())))
        return _Found(score, legs, score if "sparse" in self.asked.legs else None)

    def _fused(self, collection: Collection, hit: Hit | str) -> _Found:
        now = leg_shares(
            collection, self.asked, self.options, point_id(hit if isinstance(hit, str) else hit.id)
        )
        if isinstance(hit, str):
            if now is None:
                depth = self.options.prefetch
                note = f"No leg finds the document among its first {depth} hits."
                return _Found(0.0, {}, None, notes=[note])
            score, legs = now.found.score, now.found.legs
        else:
            score, legs = hit.score, hit.legs
        sparse = legs["sparse"].score if "sparse" in legs else None
        if now is None or not isclose(now.found.score, score, rel_tol=SAME_SCORE):
            told = f"finds the document with {now.found.score:.4f}" if now else "does not find it"
            note = f"The collection has changed since: the same search now {told}."
            return _Found(score, legs, sparse, notes=[note])
        return _Found(score, legs, sparse, now.shares)


@dataclass(slots=True)
class _Found:
    """How a search found a document: its score, and rank, score and share in each leg."""

    score: float
    legs: Mapping[str, Leg]
    sparse_score: float | None
    shares: Mapping[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _stored(collection: Collection, hit: Hit | str) -> tuple[str, SparseVector]:
    """Return text and vector of a document, as they are stored where the hit does not have them."""
    if isinstance(hit, Hit) and hit.text and hit.vector is not None:
        return hit.text, hit.vector
    document_id = hit if isinstance(hit, str) else hit.id
    records = collection.get([point_id(document_id)], with_vectors=True)
    if not records or records[0].vector is None:
        raise DocumentNotFoundError(
            f"there is no document {document_id!r} in the collection: it was never stored, or it "
            "has been deleted"
        )
    return from_payload(records[0].payload).text, records[0].vector
