"""Checks of what callers hand to an encoder."""

from __future__ import annotations

from collections.abc import Iterable

from splade_sdk.errors import InvalidInputError, InvalidTypeError

__all__ = ["require_text", "require_texts"]


def require_texts(texts: object, *, name: str = "texts") -> list[str]:
    """Return ``texts`` as a list of strings that can be written as UTF-8.

    Args:
        texts: What the caller gave.
        name: What to call it in messages.

    Raises:
        InvalidTypeError: if it is None, bytes, a bare string, or holds other than strings.
        InvalidInputError: if a string holds a lone surrogate.
    """
    if isinstance(texts, str | bytes | bytearray) or not isinstance(texts, Iterable):
        raise InvalidTypeError(
            f"{name} is {type(texts).__name__}: expected a string or a list of strings"
            + (", decode it first: data.decode()" if isinstance(texts, bytes | bytearray) else "")
        )
    return [require_text(text, name=f"{name}[{at}]") for at, text in enumerate(texts)]


def require_text(text: object, *, name: str = "text") -> str:
    """Return ``text`` if it is a string that can be written as UTF-8.

    Args:
        text: What the caller gave.
        name: What to call it in messages.

    Raises:
        InvalidTypeError: if it is not a string.
        InvalidInputError: if it holds a lone surrogate.
    """
    if not isinstance(text, str):
        hint = ", decode it first: data.decode()" if isinstance(text, bytes | bytearray) else ""
        raise InvalidTypeError(f"{name} is {type(text).__name__}: expected a string{hint}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"{name} has a lone surrogate at character {error.start}: it is not valid "
                "Unicode; read files with errors='replace', or drop the character"
            ) from error
    return text
