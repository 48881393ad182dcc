"""Answer and its citations, parsed from the text of a chat model; pure."""

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
        number: Its number in the answer, as in ``[1]``.
        passage: The passage.
    """

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its sources.

    Attributes:
        text: The answer; refers to passages by numbers in square brackets.
        citations: The passages that it cites, in the order of their first mention.
        passages: All passages the chat model was given; number n is ``passages[n - 1]``.
        unknown_numbers: Cited numbers without a passage: invented by the model.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    unknown_numbers: tuple[int, ...] = ()


def read_answer(text: str, passages: Sequence[Passage]) -> Answer:
    """Parse the citations of a chat model's answer.

    Args:
        text: Text of the answer.
        passages: The passages it was given, in the order of their numbers.
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
