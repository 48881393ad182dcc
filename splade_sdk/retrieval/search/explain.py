"""Why a document matched: what its terms, and the legs of the search, gave to its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from splade_sdk.encoders.base import LocatingEncoder, SparseEncoder, decode
from splade_sdk.errors import DocumentNotFoundError
from splade_sdk.qdrant.base import Collection, SearchRequest
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import document_parts
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.search.query import LegQuery, Query
from splade_sdk.retrieval.search.run import Candidate, Job, rank
from splade_sdk.types import Explanation, Hit, Leg, SparseVector, TermActivation, TermMatch
from splade_sdk.types.terms import readable_term

__all__ = ["Explainer"]

_DENSE_ONLY = "A dense score cannot be taken apart into terms."

# Share of a score within which a sum counts as that score: engines add up in float32.
_SAME_SCORE = 1e-4
# Weights of one text that differ by more than this share were not made by one encoder.
_SAME_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains the hits of one query; what a hit keeps of its search.

    The encoder runs again over both texts, to find where their terms come from, and what the hit
    does not have is read again. For what each leg gave to a fused score, the legs are searched
    again.

    Attributes:
        connection: Of the retriever that searched.
        query: What was searched for, as the caller gave it; None for documents like others.
        job: How it was searched for.
    """

    connection: Connection
    query: Query | None
    job: Job

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
        document = _Stored.read(collection, hit)
        found = self._found(collection, hit)
        if query is None and isinstance(self.query, str):
            query = self.query
        terms: list[TermMatch] = []
        missing: list[tuple[str, float]] = []
        sparse = [leg for leg in self.job.query.legs if leg.spec.kind == "sparse"]
        for leg in sparse:
            matches = _Matches(self.connection.encoding.encoder, query, leg, document)
            terms += matches.shared(collection, found.leg_scores.get(leg.spec.name))
            missing += matches.missing()
            found.notes += matches.notes
        if self.job.query.legs and not sparse:
            found.notes.append(_DENSE_ONLY)
        return Explanation(
            query=query,
            document_id=document.id,
            text=document.text,
            score=found.score,
            terms=tuple(terms),
            missing=tuple(missing),
            legs=found.legs,
            shares=found.shares,
            notes=tuple(found.notes),
        )

    def _found(self, collection: Collection, hit: Hit | str) -> _Found:
        """Return how the search found a document."""
        if self.job.query.fused:
            return self._found_by_fusion(collection, hit)
        legs = {leg.spec.name: leg for leg in self.job.query.legs}
        if isinstance(hit, Hit):
            return _Found(hit.score, hit.legs, dict.fromkeys(legs, hit.score))
        score = sum(_scores(collection, point_id(hit), list(legs.values())))
        return _Found(score, {}, dict.fromkeys(legs, score))

    def _found_by_fusion(self, collection: Collection, hit: Hit | str) -> _Found:
        point = point_id(hit if isinstance(hit, str) else hit.id)
        [candidates] = rank(collection, [self.job])
        now = next((each for each in candidates if each.point.id == point), None)
        if isinstance(hit, Hit):
            score, legs = hit.score, hit.legs
        elif now is not None:
            score, legs = now.score, now.legs
        else:
            note = f"No leg finds the document among its first {self.job.prefetch} hits."
            return _Found(0.0, {}, {}, notes=[note])
        found = _Found(score, legs, {name: leg.score for name, leg in legs.items()})
        if now is None or not isclose(now.score, score, rel_tol=_SAME_SCORE):
            result = f"finds the document with {now.score:.4f}" if now else "does not find it"
            found.notes.append(f"The collection has changed since: the same search now {result}.")
        else:
            found.shares = self._shares(candidates, now)
        return found

    def _shares(self, candidates: Sequence[Candidate], found: Candidate) -> dict[str, float]:
        """Take a fused score apart: each leg, fused alone, gives its share of the sum."""
        shares: dict[str, float] = {}
        for name in found.legs:
            # A leg fetched exactly the candidates that carry it.
            ranked = sorted(
                (each.legs[name].rank, each.legs[name].score, each.point.id)
                for each in candidates
                if name in each.legs
            )
            ranking = [(point, score) for _, score, point in ranked]
            shares[name] = self.job.fusion.fuse({name: ranking}).get(found.point.id, 0.0)
        return shares


@dataclass(slots=True)
class _Found:
    """How a search found a document: its score, and rank, score and share in each leg."""

    score: float
    legs: Mapping[str, Leg]
    leg_scores: Mapping[str, float]
    shares: Mapping[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A document as it is stored."""

    id: str
    text: str
    vector: SparseVector

    @classmethod
    def read(cls, collection: Collection, hit: Hit | str) -> _Stored:
        """Take a document from the hit, and from the collection what the hit lacks."""
        if isinstance(hit, Hit) and hit.text and hit.vector is not None:
            return cls(hit.id, hit.text, hit.vector)
        document_id = hit if isinstance(hit, str) else hit.id
        records = collection.get([point_id(document_id)], with_vectors=True)
        if not records or records[0].vector is None:
            raise DocumentNotFoundError(
                f"there is no document {document_id!r} in the collection: it was never stored, or "
                "it has been deleted"
            )
        [(_, text, _)] = document_parts([records[0].payload])
        return cls(document_id, text, records[0].vector)


class _Matches:
    """The terms that a query and a document share in one leg, and the query's other terms.

    Args:
        encoder: Made both vectors.
        query: Text of the query; None where it was a vector.
        leg: What was searched for.
        document: What was found.
    """

    def __init__(
        self, encoder: SparseEncoder, query: str | None, leg: LegQuery, document: _Stored
    ) -> None:
        if not isinstance(leg.vector, SparseVector):
            raise TypeError(f"the leg {leg.spec.name!r} is not of sparse vectors")
        self._encoder, self._leg, self._document = encoder, leg, document
        self._query_vector = leg.vector
        self.notes: list[str] = []
        self._in_query: Mapping[int, TermActivation] = {}
        self._in_document: Mapping[int, TermActivation] = {}
        if not isinstance(encoder, LocatingEncoder):
            self.notes.append(f"{type(encoder).__name__} cannot tell where terms come from.")
            return
        if query is not None:
            self._in_query = _by_term(encoder.activations(query, query=True))
        located = _by_term(encoder.activations(document.text))
        if _made_of(document.vector, located):
            self._in_document = located
        else:
            self.notes.append(
                "The stored vector is not what this encoder makes of the stored text: where the "
                "document's terms come from is not known."
            )

    def shared(self, collection: Collection, score: float | None) -> list[TermMatch]:
        """Return the shared terms with what each gave, the largest first.

        Contributions are products of weights. Where those do not add up to the score, because the
        engine applies an inverse document frequency or keeps weights in fewer bits, each is the
        engine's own answer to a query of that one term.

        Args:
            collection: Holds the document.
            score: What the leg found it with; None where it did not.

        Raises:
            EngineError: if the engine fails.
        """
        query, document = self._query_vector, self._document.vector
        terms, at_query, at_document = np.intersect1d(
            query.indices, document.indices, assume_unique=True, return_indices=True
        )
        query_weights = query.values[at_query].astype(np.float64)
        weights = document.values[at_document].astype(np.float64)
        gave = query_weights * weights
        factors = np.ones(terms.size)
        idf = self._encoder.fingerprint.idf
        if idf or (score is not None and not _adds_up(gave, score)):
            single = [
                self._leg._replace(vector=_part(query, at_query[at : at + 1]))
                for at in range(terms.size)
            ]
            gave = np.array(_scores(collection, point_id(self._document.id), single))
            if idf:
                factors = gave / (query_weights * weights)
        if score is not None and not _adds_up(gave, score):
            self.notes.append(
                "The document has changed since the search: its terms now add up to "
                f"{gave.sum():.4f}."
            )
        names = {**_names(self._encoder, query), **_names(self._encoder, document)}
        matches = [
            self._match(names, *parts)
            for parts in zip(
                terms.tolist(),
                query_weights.tolist(),
                weights.tolist(),
                gave.tolist(),
                factors.tolist(),
                strict=True,
            )
        ]
        return sorted(matches, key=lambda match: (-match.contribution, match.index))

    def missing(self) -> list[tuple[str, float]]:
        """Return the query's terms that the document lacks, with their weights."""
        query = self._query_vector
        lacking = np.flatnonzero(~np.isin(query.indices, self._document.vector.indices))
        return [
            (readable_term(term), weight)
            for term, weight in decode(self._encoder, _part(query, lacking))
        ]

    def _match(
        self,
        names: Mapping[int, str],
        term: int,
        query_weight: float,
        weight: float,
        contribution: float,
        idf: float,
    ) -> TermMatch:
        queried, found = self._in_query.get(term), self._in_document.get(term)
        return TermMatch(
            index=term,
            term=names[term],
            query_weight=query_weight,
            document_weight=weight,
            contribution=contribution,
            idf=idf,
            in_query=queried.literal if queried else None,
            in_document=found.literal if found else None,
            query_word=queried.word if queried else None,
            document_word=found.word if found else None,
            query_places=queried.places if queried else (),
            places=found.places if found else (),
        )


def _scores(collection: Collection, point: str, legs: Sequence[LegQuery]) -> list[float]:
    """Return the engine's score of one point in each leg; 0 where it does not find it."""
    only = models.Filter(must=[models.HasIdCondition(has_id=[point])])
    found = collection.search_batch(
        [
            SearchRequest(leg.vector, using=leg.spec.vector, limit=1, filter=only, with_payload=())
            for leg in legs
        ]
    )
    return [points[0].score if points else 0.0 for points in found]


def _by_term(activations: Sequence[TermActivation]) -> dict[int, TermActivation]:
    return {each.index: each for each in activations}


def _names(encoder: SparseEncoder, vector: SparseVector) -> dict[int, str]:
    """Return the term of each id: ``decode`` puts the heaviest first, so weights say the order."""
    falling = np.arange(len(vector), 0, -1, dtype=np.float32)
    decoded = decode(encoder, SparseVector(vector.indices, falling, vector.dimensions))
    return dict(zip(vector.indices.tolist(), (term for term, _ in decoded), strict=True))


def _made_of(vector: SparseVector, activations: Mapping[int, TermActivation]) -> bool:
    """Return whether a stored vector has the weights that its text gets; fewer terms are fine."""
    return all(
        term in activations and abs(activations[term].weight - weight) <= _SAME_WEIGHT * weight
        for term, weight in vector.to_dict().items()
    )


def _part(vector: SparseVector, positions: NDArray[np.int64]) -> SparseVector:
    return SparseVector(vector.indices[positions], vector.values[positions], vector.dimensions)


def _adds_up(contributions: NDArray[np.float64], score: float) -> bool:
    return isclose(contributions.sum(), score, rel_tol=_SAME_SCORE, abs_tol=1e-9)
