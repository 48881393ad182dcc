"""Which part of a text made a term active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Place", "TermActivation"]


class Place(NamedTuple):
    """A token of a text, and the word that it is a part of.

    Attributes:
        start: Position of the token's first character.
        end: Position after its last character.
        word_start: Position of the word's first character.
        word_end: Position after its last character.
    """

    start: int
    end: int
    word_start: int
    word_end: int


@dataclass(frozen=True, slots=True)
class TermActivation:
    """One active term of a text.

    Attributes:
        index: Id of the term.
        term: The term as the vocabulary writes it, such as ``##raphy``.
        weight: Its weight in the text's vector.
        literal: Whether the term itself occurs in the text; otherwise it is expansion.
        places: Tokens that made it active. For a masked language model the one where it is
            strongest, or none where that is a special token such as ``[CLS]``; for a bag of words
            all its occurrences.
        word: The whole word, as the text writes it, of a literal term that is only a piece of
            one; None otherwise.
    """

    index: int
    term: str
    weight: float
    literal: bool
    places: tuple[Place, ...] = ()
    word: str | None = None
