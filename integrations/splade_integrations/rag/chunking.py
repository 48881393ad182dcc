"""Cuts texts into passages at the ends of sentences; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import Field, model_validator
from typing_extensions import Self

from splade_sdk.settings import Settings

__all__ = ["ChunkSettings", "Span", "spans"]

# A sentence ends before a blank line, or before the white space after its closing mark.
_SENTENCE_END = re.compile(r"\n\s*\n\s*|(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])\s*")  # noqa: RUF001 - marks of Chinese and Japanese
_SPACE = re.compile(r"\s+")
_NO_SPACE = re.compile(r"\S")


class ChunkSettings(Settings):
    """How texts are cut.

    Attributes:
        max_characters: Longest passage. 1,000 characters of English are about 230 tokens.
        overlap_characters: What a passage repeats of the one before at most, in whole sentences,
            so that what belongs together is found together.
    """

    max_characters: int = Field(default=1000, ge=1)
    overlap_characters: int = Field(default=150, ge=0)

    @model_validator(mode="after")
    def _require_progress(self) -> Self:
        if self.overlap_characters >= self.max_characters:
            raise ValueError(
                f"overlap_characters is {self.overlap_characters}: expected less than "
                f"max_characters, which is {self.max_characters}"
            )
        return self


class Span(NamedTuple):
    """A part of a text, ``text[start:end]``."""

    start: int
    end: int


def spans(text: str, settings: ChunkSettings) -> list[Span]:
    """Return the passages of a text, in order; together they hold all but white space.

    A passage is as many whole sentences as fit; a sentence that is too long is cut between words,
    and a word that is too long anywhere.

    Args:
        text: Any text; a blank one has no passages.
        settings: How long passages are.
    """
    sentences = list(_sentences(text, settings.max_characters))
    made: list[Span] = []
    first = 0
    while first < len(sentences):
        last = first
        while (
            last + 1 < len(sentences)
            and sentences[last + 1].end - sentences[first].start <= settings.max_characters
        ):
            last += 1
        made.append(Span(sentences[first].start, sentences[last].end))
        first = _overlapping(sentences, first, last, settings)
    return made


def _overlapping(sentences: Sequence[Span], first: int, last: int, settings: ChunkSettings) -> int:
    """Return the first sentence of the passage after ``sentences[first:last + 1]``."""
    following = last + 1
    if following == len(sentences):
        return following
    start = following
    while (
        start - 1 > first
        and sentences[last].end - sentences[start - 1].start <= settings.overlap_characters
        and sentences[following].end - sentences[start - 1].start <= settings.max_characters
    ):
        start -= 1
    return start


def _sentences(text: str, longest: int) -> Iterator[Span]:
    start = 0
    ends = [(found.start(), found.end()) for found in _SENTENCE_END.finditer(text)]
    for end, following in [*ends, (len(text), len(text))]:
        # Closing quotes and brackets belong to the sentence.
        yield from _pieces(text, start, end + len(text[end:following].rstrip()), longest)
        start = following


def _pieces(text: str, start: int, end: int, longest: int) -> Iterator[Span]:
    """Cut a sentence into pieces of at most ``longest`` characters, between words if it can be."""
    end = start + len(text[start:end].rstrip())
    while (start := _skip_space(text, start, end)) < end:
        if end - start <= longest:
            yield Span(start, end)
            return
        spaces = [found.start() for found in _SPACE.finditer(text, start, start + longest + 1)]
        cut = spaces[-1] if spaces else start + longest
        yield Span(start, cut)
        start = cut


def _skip_space(text: str, start: int, end: int) -> int:
    found = _NO_SPACE.search(text, start, end)
    return found.start() if found else end
