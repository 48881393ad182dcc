"""What an explanation says to its reader, whatever draws it; pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from splade_sdk.types.terms import readable_term

if TYPE_CHECKING:
    from splade_sdk.types.explanation import Explanation, TermMatch

__all__ = ["Highlight", "highlights", "is_exact", "legs", "notes", "where"]

_SHOWN = 8  # missing terms told


@dataclass(frozen=True, slots=True)
class Highlight:
    """A word of a text that made shared terms active.

    Attributes:
        start: Position of its first character.
        end: Position after its last character.
        contribution: What the terms that come from it gave to the score.
        strength: The contribution as a share of that of the strongest word, above 0 and up to 1.
        exact: Whether most of it comes from terms that stand in both texts.
        terms: These terms with their contributions, for a reader, largest first.
    """

    start: int
    end: int
    contribution: float
    strength: float
    exact: bool
    terms: tuple[tuple[str, float], ...]


def highlights(explanation: Explanation) -> list[Highlight]:
    """Return the words that gave something to the score, in the order of the text; none overlap.

    A term that comes from several words counts at each of them.
    """
    found: dict[tuple[int, int], list[TermMatch]] = {}
    for term in explanation.terms:
        for place in sorted({(place.word_start, place.word_end) for place in term.places}):
            found.setdefault(place, []).append(term)
    given = {place: fsum(term.contribution for term in terms) for place, terms in found.items()}
    strongest = max(given.values(), default=1.0)
    made: list[Highlight] = []
    for (start, end), terms in sorted(found.items()):
        if made and start < made[-1].end:
            continue
        exact = fsum(term.contribution for term in terms if is_exact(term))
        made.append(
            Highlight(
                start,
                end,
                given[start, end],
                given[start, end] / strongest,
                2 * exact >= given[start, end],
                tuple((readable_term(term.term), term.contribution) for term in terms),
            )
        )
    return made


def is_exact(term: TermMatch) -> bool:
    """Return whether a term stands in both texts."""
    return bool(term.in_query and term.in_document)


def legs(explanation: Explanation) -> list[str]:
    """Return a phrase for each leg of the search: rank, score, and share of a fused score."""
    made = []
    for name, leg in explanation.legs.items():
        share = explanation.shares.get(name)
        gives = "" if share is None else f", gives {share:.4f}"
        made.append(f"{name}: rank {leg.rank}, score {leg.score:.4f}{gives}")
    return made


def where(term: TermMatch) -> str:
    """Return which of the texts have a term: ``both``, ``query``, ``document`` or ``neither``."""
    known = {(True, True): "both", (True, False): "query", (False, True): "document"}
    if term.in_query is None or term.in_document is None:
        return "not known"
    return known.get((term.in_query, term.in_document), "neither")


def notes(explanation: Explanation) -> list[str]:
    """Return the sentences below the terms."""
    made = list(explanation.notes)
    # Where no term has a place, none is known, and nothing can be said.
    if any(term.places for term in explanation.terms):
        whole = fsum(term.contribution for term in explanation.terms if not term.places)
        if whole:
            made.append(
                f"{whole:.2f} of the score comes from the text as a whole, not from one word."
            )
    if explanation.missing:
        shown = ", ".join(f"{term} {weight:.2f}" for term, weight in explanation.missing[:_SHOWN])
        more = len(explanation.missing) - _SHOWN
        and_more = f" and {more} more" if more > 0 else ""
        made.append(f"Terms of the query that the document lacks: {shown}{and_more}.")
    return made
