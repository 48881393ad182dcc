"""Where the terms of a query and a document come from, as far as their encoder can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splade_sdk.encoders.base import LocatingEncoder, SparseEncoder, decode
from splade_sdk.types import SparseVector, TermActivation, TermMatch

__all__ = ["TermOrigins"]

# Weights of one text that differ by more than this share were not made by one encoder.
_SAME_WEIGHT = 0.02


@dataclass(frozen=True, slots=True)
class TermOrigins:
    """Names of terms, and where they come from on each side.

    Attributes:
        names: Each term as the vocabulary writes it, by id.
        query: Activations of the query's text by term id; None where they are not known.
        document: Activations of the document's text by term id; None where they are not known.
        notes: Why one is not known.
    """

    names: Mapping[int, str]
    query: Mapping[int, TermActivation] | None
    document: Mapping[int, TermActivation] | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        encoder: SparseEncoder,
        query: str | None,
        query_vector: SparseVector,
        text: str,
        vector: SparseVector,
    ) -> TermOrigins:
        """Ask the encoder.

        Args:
            encoder: Made both vectors.
            query: Text of the query; None where it was a vector.
            query_vector: Vector of the query.
            text: Text of the document.
            vector: Vector of the document, as it is stored.
        """
        found: dict[int, TermActivation] | None = None
        asked: dict[int, TermActivation] | None = None
        notes: list[str] = []
        if isinstance(encoder, LocatingEncoder):
            if query is not None:
                asked = {each.index: each for each in encoder.activations(query, query=True)}
            found = {each.index: each for each in encoder.activations(text)}
            if not _made_of(vector, found):
                found = None
                notes.append(
                    "The stored vector is not what this encoder makes of the stored text: where "
                    "the document's terms come from is not known."
                )
        else:
            notes.append(f"{type(encoder).__name__} cannot tell where terms come from.")
        return cls(
            {**_names(encoder, query_vector), **_names(encoder, vector)}, asked, found, tuple(notes)
        )

    def match(
        self,
        term: int,
        query_weight: float,
        document_weight: float,
        contribution: float,
        idf: float,
    ) -> TermMatch:
        """Return a shared term with all that is known of it; arguments are those of TermMatch."""
        asked = self.query.get(term) if self.query else None
        found = self.document.get(term) if self.document else None
        return TermMatch(
            index=term,
            term=self.names[term],
            query_weight=query_weight,
            document_weight=document_weight,
            contribution=contribution,
            idf=idf,
            in_query=asked.literal if asked else None,
            in_document=found.literal if found else None,
            query_word=asked.word if asked else None,
            document_word=found.word if found else None,
            query_places=asked.places if asked else (),
            places=found.places if found else (),
        )


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
