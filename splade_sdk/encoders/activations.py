"""Where in a text each active term comes from.

With max pooling the weight of a term is its weight at one token: the arg-max of the fused head (see
``head``). It is computed again here, for the active terms of a single text only; with windows it is
the strongest token of all windows. With sum pooling it is the token that adds most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.types import Place, SparseVector, TermActivation

__all__ = ["activations"]

_NO_SPAN = (0, 0)


def activations(side: Side, text: str, max_active_dims: int | None = None) -> list[TermActivation]:
    """Return the active terms of a text, heaviest first, with the tokens they come from.

    Args:
        side: What encodes it.
        text: Any text; a blank one has no terms.
        max_active_dims: Terms kept, the heaviest first; None for all.
    """
    batch = side.encode([text], batch_size=None, advance=lambda _: None).vectors
    vector = (batch if max_active_dims is None else batch.prune(max_active_dims))[0]
    terms = vector.indices.tolist()
    tokens = TokenOffsets.of(text, side.text_tokenizer)
    if isinstance(side, ModelSide):
        found = [tokens.spans_of([at]) for at in _strongest(side, text, vector)]
    else:
        found = [tokens.spans_of(tokens.occurrences(term)) for term in terms]
    names = side.text_tokenizer.tokenizer.convert_ids_to_tokens(terms)
    literal = set(tokens.ids)
    made = [
        TermActivation(term, name, weight, term in literal, places, tokens.word_of_piece(term))
        for term, name, weight, places in zip(
            terms, names, vector.values.tolist(), found, strict=True
        )
    ]
    return sorted(made, key=lambda each: (-each.weight, each.index))


def _strongest(side: ModelSide, text: str, vector: SparseVector) -> list[int | None]:
    """Return the token with the largest logit of each term, by its position in the whole text.

    None stands for special tokens.
    """
    masked_lm, text_tokenizer = side.masked_lm, side.text_tokenizer
    device = masked_lm.weight.device
    terms = torch.tensor(vector.indices.tolist(), dtype=torch.int64, device=device)
    highest = [float("-inf")] * len(vector)
    found: list[int | None] = [None] * len(vector)
    with torch.inference_mode():
        embeddings = masked_lm.weight[terms]  # (active, width)
        for piece, ids in enumerate(text_tokenizer.pieces([text]).ids):
            positions = text_tokenizer.positions(piece, len(ids))
            hidden = masked_lm(torch.tensor([ids], device=device))[0]  # (tokens, width)
            # The bias is the same at every token, so it does not move the maximum.
            logits, at = (hidden @ embeddings.t()).max(dim=0)
            for term, (logit, token) in enumerate(zip(logits.tolist(), at.tolist(), strict=True)):
                if logit > highest[term]:
                    highest[term], found[term] = logit, positions[token]
    return found


@dataclass(frozen=True, slots=True)
class TokenOffsets:
    """The tokens of a whole text, uncut, prompt included and special tokens apart.

    Attributes:
        text: The text.
        ids: Their ids.
        spans: First character and the one after the last of each; ``(0, 0)`` for tokens of the
            prompt, and for all where the tokenizer gives no offsets.
        words: The same of the word that the token is a part of.
    """

    text: str
    ids: list[int]
    spans: list[tuple[int, int]]
    words: list[tuple[int, int]]

    @classmethod
    def of(cls, text: str, text_tokenizer: TextTokenizer) -> TokenOffsets:
        """Tokenize a text.

        Args:
            text: Any text; a blank one has no tokens.
            text_tokenizer: Only tokenizers of the ``tokenizers`` library give offsets.
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

    def spans_of(self, positions: Iterable[int | None]) -> tuple[Place, ...]:
        """Return the spans of tokens; None, and tokens outside of the text, have no span."""
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
