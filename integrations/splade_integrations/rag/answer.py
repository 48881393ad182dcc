"""What a chat model said -> an answer with its citations; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from splade_integrations.rag.passage import Passage

__all__ = ["Answer", "Citation", "read_answer"]

_NUMBERS = re.compile(r"\[(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\]")


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer refers to.

    Attributes:
        number: What the answer calls it, as in ``[1]``.
        passage: Where it is, and what it says.
    """

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        text: The answer; refers to passages by numbers in square brackets.
        citations: The passages that it cites, in the order of their first mention.
        passages: All passages that it could be made from; number n is ``passages[n - 1]``.
        unknown_numbers: Numbers that it cites though there is no such passage: made up.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    unknown_numbers: tuple[int, ...] = ()


def read_answer(text: str, passages: Sequence[Passage]) -> Answer:
    """Return the answer with what it cites.

    Args:
        text: What the chat model said.
        passages: What it was given, in the order of their numbers.
    """
    cited = list(
        dict.fromkeys(
            int(number) for found in _NUMBERS.findall(text) for number in re.findall(r"\d+", found)
        )
    )
    known = [number for number in cited if 1 <= number <= len(passages)]
    return Answer(
        text,
        tuple(Citation(number, passages[number - 1]) for number in known),
        tuple(passages),
        tuple(number for number in cited if number not in known),
    )
