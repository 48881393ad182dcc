"""TermTokenizer: a model's vocabulary and tokens, without the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splade_sdk.errors import ModelFormatError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenizers import Tokenizer
    from typing_extensions import Self

__all__ = ["TermTokenizer"]

_FILE = "tokenizer.json"


class TermTokenizer:
    """Names the terms of a SPLADE model's space, from the tokenizer's JSON alone.

    Args:
        serialized: What a ``tokenizer.json`` holds.

    Raises:
        ModelFormatError: if it is no tokenizer.
    """

    def __init__(self, serialized: str) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Tokenizer = Tokenizer.from_str(serialized)
        except Exception as error:
            raise ModelFormatError(
                f"not a tokenizer of the tokenizers library ({error}): give a {_FILE}"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read a ``tokenizer.json``, or that of a model's folder.

        Raises:
            ModelNotFoundError: if there is none.
            ModelFormatError: if it is no tokenizer.
        """
        file = Path(path)
        file = file / _FILE if file.is_dir() else file
        try:
            return cls(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ModelNotFoundError(
                f"{file} cannot be read ({error}): give the {_FILE} of the service's model, or the "
                "folder it lies in"
            ) from error

    def __len__(self) -> int:
        """Return the size of the vocabulary."""
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def terms(self, ids: Iterable[int]) -> list[str]:
        """Return the term of each id; ``#id`` for one that the vocabulary does not have."""
        return [self._tokenizer.id_to_token(each) or f"#{each}" for each in ids]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).tokens

    def ids(self, text: str) -> list[int]:
        """Return the ids of the tokens of a text, without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids
