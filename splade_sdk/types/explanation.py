"""Why a document matched a query: what each shared term gave to the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any

from splade_sdk.types.activation import Place
from splade_sdk.types.terms import readable_term

if TYPE_CHECKING:
    from rich.console import RenderableType

    from splade_sdk.types.document import Leg

__all__ = ["Explanation", "TermMatch", "WordMatch"]


@dataclass(frozen=True, slots=True)
class TermMatch:
    """One term that query and document share.

    Attributes:
        index: Id of the term.
        term: The term as the vocabulary writes it.
        query_weight: Its weight in the query.
        document_weight: Its weight in the stored document.
        contribution: What it gave to the score.
        idf: What the engine multiplied the query's weight by: the inverse document frequency in
            its collection (BM25), or 1 where it multiplies by none.
        in_query: Whether the query's text has the term; False for expansion, None if not known.
        in_document: The same of the document's text.
        query_word: The word of the query that the term is a piece of.
        document_word: The word of the document that the term is a piece of.
        query_places: Where in the query it comes from.
        places: Where in the document's text it comes from.
    """

    index: int
    term: str
    query_weight: float
    document_weight: float
    contribution: float
    idf: float = 1.0
    in_query: bool | None = None
    in_document: bool | None = None
    query_word: str | None = None
    document_word: str | None = None
    query_places: tuple[Place, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A term, or the pieces of one word joined for the reader.

    Attributes:
        word: What to show.
        contribution: What its terms gave to the score together.
        terms: The terms, largest contribution first.
    """

    word: str
    contribution: float
    terms: tuple[TermMatch, ...]

    @property
    def in_query(self) -> bool | None:
        """Whether the query's text has it; see TermMatch."""
        return self.terms[0].in_query

    @property
    def in_document(self) -> bool | None:
        """Whether the document's text has it; see TermMatch."""
        return self.terms[0].in_document


@dataclass(frozen=True, slots=True)
class Explanation:
    """What each shared term gave to a document's score; shows itself in terminals and notebooks.

    sparse score = Σ contributions, with contribution_t = query_weight_t · idf_t · document_weight_t

    The score of a hybrid search is the sum of what its legs give, ``shares``, and the contributions
    add up to the sparse leg's own score.

    Attributes:
        query: Text of the query; None where it was a vector.
        document_id: Id of the document.
        text: Its text.
        score: The score that the document was found with.
        terms: The terms that both share, largest contribution first.
        missing: Terms of the query that the document lacks, with their weights, heaviest first.
        legs: Rank and score in each leg of the search, by leg name.
        shares: What each leg gave to a fused score, by leg name; empty where nothing was fused.
        notes: What a reader should know besides, such as that the document has changed.
    """

    query: str | None
    document_id: str
    text: str
    score: float
    terms: tuple[TermMatch, ...]
    missing: tuple[tuple[str, float], ...] = ()
    legs: Mapping[str, Leg] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Sum of all contributions: the sparse score."""
        return fsum(term.contribution for term in self.terms)

    def words(self) -> list[WordMatch]:
        """Return the terms for a reader, largest contribution first.

        Pieces of one word of the query, or else of the document, are joined.
        """
        groups: dict[tuple[str | int, ...], list[TermMatch]] = {}
        for term in self.terms:
            word = term.query_word or term.document_word
            groups.setdefault(("word", word) if word else ("term", term.index), []).append(term)
        joined = [
            WordMatch(
                str(key[1]) if key[0] == "word" else readable_term(terms[0].term),
                fsum(term.contribution for term in terms),
                tuple(terms),
            )
            for key, terms in groups.items()
        ]
        return sorted(joined, key=lambda word: -word.contribution)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "total": self.total}

    def to_html(self, *, page: bool = False) -> str:
        """Return HTML: the terms, and the document's words highlighted by what they gave.

        Everything is escaped, and nothing is loaded from elsewhere.

        Args:
            page: Return a whole page instead of a fragment.
        """
        from splade_sdk.types.explanation_html import explanation_html

        return explanation_html(self, page=page)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __rich__(self) -> RenderableType:
        from splade_sdk.types.explanation_text import explanation_text

        return explanation_text(self)

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(width=100, no_color=True, force_terminal=False)
        with console.capture() as captured:
            console.print(self)
        return captured.get()
