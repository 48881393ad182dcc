"""How two models expand the same text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import hypot
from typing import Any

from splade_sdk.encoders.base import LocatingEncoder
from splade_sdk.types import TermActivation
from splade_sdk.types.terms import readable_term

__all__ = ["ComparedTerm", "ExpansionComparison", "compare_expansions"]


@dataclass(frozen=True, slots=True)
class ComparedTerm:
    """A term that one of two models, or both, make of a text.

    Attributes:
        term: The term for readers, in lower case, so that vocabularies of two kinds meet.
        first: Its weight by the first model; None where that does not have it.
        second: The same by the second model.
        literal: Whether the text itself has it, by either model; otherwise it is expansion.
    """

    term: str
    first: float | None
    second: float | None
    literal: bool


@dataclass(frozen=True, slots=True)
class ExpansionComparison:
    """The terms that two models make of one text, side by side.

    Attributes:
        text: The text.
        terms: All terms, by the larger of the two weights.
        cosine: Of the two vectors of weights by term: 1 where they are proportional.
    """

    text: str
    terms: tuple[ComparedTerm, ...]
    cosine: float

    @property
    def shared(self) -> int:
        """Number of terms that both have."""
        return sum(each.first is not None and each.second is not None for each in self.terms)

    @property
    def overlap(self) -> float:
        """Shared terms as a share of all (Jaccard); 1 where there is no term at all."""
        return self.shared / len(self.terms) if self.terms else 1.0

    def counts(self, *, second: bool = False) -> tuple[int, int]:
        """Return how many terms of one model the text has, and how many it does not have."""
        has = [
            each.literal
            for each in self.terms
            if (each.second if second else each.first) is not None
        ]
        return sum(has), len(has) - sum(has)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "shared": self.shared, "overlap": self.overlap}


def compare_expansions(
    first: LocatingEncoder, second: LocatingEncoder, text: str, *, query: bool = False
) -> ExpansionComparison:
    """Encode a text with two models and put their terms side by side.

    Terms are the same if they read the same, whatever marks their tokenizers set; of several that
    do, the heaviest counts.

    Args:
        first: One model.
        second: Another; its vocabulary may be another too.
        text: What both encode.
        query: Encode it as a query instead of as a document.

    Raises:
        InvalidTypeError: if ``text`` is not a string.
        InvalidInputError: if it holds a lone surrogate.
    """
    one, other = (_by_term(encoder.activations(text, query=query)) for encoder in (first, second))
    literal = {term for side in (one, other) for term, each in side.items() if each.literal}
    terms = [
        ComparedTerm(
            term,
            one[term].weight if term in one else None,
            other[term].weight if term in other else None,
            term in literal,
        )
        for term in one.keys() | other.keys()
    ]
    terms.sort(key=lambda each: (-max(each.first or 0.0, each.second or 0.0), each.term))
    return ExpansionComparison(text, tuple(terms), _cosine(terms))


def _by_term(activations: list[TermActivation]) -> dict[str, TermActivation]:
    """Return the heaviest activation of each term; they come heaviest first."""
    made: dict[str, TermActivation] = {}
    for each in activations:
        made.setdefault(readable_term(each.term).lower(), each)
    return made


def _cosine(terms: list[ComparedTerm]) -> float:
    one = [each.first or 0.0 for each in terms]
    other = [each.second or 0.0 for each in terms]
    lengths = hypot(*one) * hypot(*other)
    if not lengths:
        return 1.0 if not any(one) and not any(other) else 0.0
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths
