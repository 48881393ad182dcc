"""Text to token ids: special tokens, truncation and windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splade_sdk.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Pieces", "TextTokenizer"]

# Far more than any natural text has; a text that has still more is read whole.
_CHARACTERS_PER_TOKEN = 64


@dataclass(frozen=True, slots=True)
class Pieces:
    """Texts cut into pieces that the model can take.

    Attributes:
        ids: Token ids of each piece, special tokens included.
        text_of: Position of the text each piece belongs to; never falls. Shape: ``(pieces,)``.
        longer: Number of texts that did not fit into one piece.
    """

    ids: list[list[int]]
    text_of: list[int]
    longer: int


class TextTokenizer:
    """A transformers tokenizer with a length, and a way with longer texts.

    Attributes:
        tokenizer: The transformers tokenizer.
        max_length: Tokens of a piece at most, special tokens included.
        windows: Whether longer texts are cut into overlapping pieces.
        prompt: Put before every text.

    Args:
        tokenizer: Any transformers tokenizer.
        max_length: Tokens of a piece at most, special tokens included.
        windows: Cut longer texts into overlapping pieces instead of truncating them.
        overlap: Tokens that a window shares with the one before.
        prompt: Put before every text.

    Raises:
        ConfigError: if a piece has no room for a token, or windows do not advance.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        windows: bool = False,
        overlap: int = 0,
        prompt: str = "",
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.prompt = prompt
        self._before, self._after = _special_tokens(tokenizer)
        self._room = max_length - len(self._before) - len(self._after)
        if self._room < 1:
            raise ConfigError(
                f"max_length is {max_length}, but special tokens alone take "
                f"{len(self._before) + len(self._after)}: allow more"
            )
        if not 0 <= overlap < self._room:
            raise ConfigError(
                f"window_overlap is {overlap} tokens: expected 0 to {self._room - 1}, "
                f"as a window holds {self._room}"
            )
        self._step = self._room - overlap
        self.windows = windows

    def save_pretrained(self, folder: Path) -> None:
        """Write the tokenizer with this length."""
        self.tokenizer.model_max_length = self.max_length
        self.tokenizer.save_pretrained(folder)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, uncut and without special tokens or prompt."""
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            truncation=False,
            verbose=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _first_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return ids that are whole up to one past the room; the rest of a huge text is not read.

        Tokenizers split at white space first, so a prefix that ends there has the same tokens.
        """
        bound = self._room * _CHARACTERS_PER_TOKEN
        shortened = [
            text[: text.rfind(" ", 0, bound) + 1] or text if len(text) > bound else text
            for text in texts
        ]
        ids = self.ids(shortened)
        for at, text in enumerate(texts):
            if len(shortened[at]) < len(text) and len(ids[at]) <= self._room:
                ids[at] = self.ids([text])[0]
        return ids

    def pieces(self, texts: Sequence[str]) -> Pieces:
        """Cut texts; one that is blank has no piece.

        Args:
            texts: What to cut.
        """
        kept = [at for at, text in enumerate(texts) if text and not text.isspace()]
        pieces: list[list[int]] = []
        text_of: list[int] = []
        longer = 0
        encode = self.ids if self.windows else self._first_ids
        for at, ids in zip(kept, encode([self.prompt + texts[at] for at in kept]), strict=True):
            longer += len(ids) > self._room
            for start in range(0, max(1, len(ids) - (self._room - self._step)), self._step):
                pieces.append([*self._before, *ids[start : start + self._room], *self._after])
                text_of.append(at)
                if not self.windows:
                    break
        return Pieces(pieces, text_of, longer)

    def positions(self, piece: int, length: int) -> list[int | None]:
        """Return the place of each token of a text's piece among all tokens of that text.

        Args:
            piece: Which piece of the text, from 0.
            length: Tokens of the piece, special tokens included.

        Returns:
            Positions in ``ids([prompt + text])[0]``; None for special tokens.
        """
        start = piece * self._step
        inner = range(start, start + length - len(self._before) - len(self._after))
        return [*(None for _ in self._before), *inner, *(None for _ in self._after)]


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the ids a tokenizer puts before and after a text."""
    bare: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer("a")["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    return [], []
