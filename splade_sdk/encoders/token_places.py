"""Where the tokens of a text stand in it, and which words they are pieces of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.types import Place

__all__ = ["TokenPlaces"]

_NO_SPAN = (0, 0)


@dataclass(frozen=True, slots=True)
class TokenPlaces:
    """The tokens of a whole text, uncut, prompt included and special tokens apart.

    Attributes:
        text: The text.
        ids: Their ids.
        spans: First character and the one after the last of each; ``(0, 0)`` for tokens of the
            prompt, and for all where the tokenizer tells no offsets.
        words: The same of the word that the token is a part of.
    """

    text: str
    ids: list[int]
    spans: list[tuple[int, int]]
    words: list[tuple[int, int]]

    @classmethod
    def of(cls, text: str, text_tokenizer: TextTokenizer) -> TokenPlaces:
        """Tokenize a text.

        Args:
            text: Any text; a blank one has no tokens.
            text_tokenizer: Only tokenizers of the ``tokenizers`` library tell offsets.
        """
        prompt, tokenizer = text_tokenizer.prompt, text_tokenizer.tokenizer
        if not text or text.isspace():
            return cls(text, [], [], [])
        if not tokenizer.is_fast:
            ids = text_tokenizer.ids([prompt + text])[0]
            return cls(text, ids, [_NO_SPAN] * len(ids), [_NO_SPAN] * len(ids))
        encoded = tokenizer(
            prompt + text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            truncation=False,
            verbose=False,
        )
        spans = [
            _trimmed(text, start - len(prompt), end - len(prompt))
            for start, end in encoded["offset_mapping"]
        ]
        return cls(text, encoded["input_ids"], spans, _words(encoded.word_ids(0), spans))

    def occurrences(self, term: int) -> list[int]:
        """Return the positions of a term among the tokens."""
        return [at for at, each in enumerate(self.ids) if each == term]

    def places(self, positions: Iterable[int | None]) -> tuple[Place, ...]:
        """Return the places of tokens; None, and tokens outside of the text, have none."""
        return tuple(
            Place(*self.spans[at], *self.words[at])
            for at in positions
            if at is not None and self.spans[at] != _NO_SPAN
        )

    def word_of_piece(self, term: int) -> str | None:
        """Return the first word of several tokens that has the term among them."""
        for at in self.occurrences(term):
            if self.words[at] != self.spans[at]:
                start, end = self.words[at]
                return self.text[start:end]
        return None


def _words(word_ids: list[int | None], spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return, for each token, the span of all tokens with the same word id."""
    whole: dict[int, tuple[int, int]] = {}
    for word, span in zip(word_ids, spans, strict=True):
        if word is not None and span != _NO_SPAN:
            start, end = whole.get(word, span)
            whole[word] = (min(start, span[0]), max(end, span[1]))
    return [
        span if word is None or span == _NO_SPAN else whole[word]
        for word, span in zip(word_ids, spans, strict=True)
    ]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without the white space around it; none if it ends before the text begins."""
    while start < end and (start < 0 or text[start].isspace()):
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else _NO_SPAN
