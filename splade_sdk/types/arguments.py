"""Checks of single arguments, the same for every caller."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable

from splade_sdk.errors import ConfigError, InvalidInputError, InvalidTypeError

__all__ = [
    "lone_surrogate",
    "require_seconds",
    "require_text",
    "require_texts",
    "require_whole",
    "without_credentials",
]

_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@")


def require_whole(value: object, name: str, least: int, *, unset: str = "") -> int:
    """Return a whole number, one of numpy's as well.

    Args:
        value: What the caller gave.
        name: What to call it in messages.
        least: The smallest that is valid.
        unset: What the caller may pass instead; told in messages, as in ``"or None for all"``.

    Raises:
        InvalidTypeError: if it is no whole number.
        ConfigError: if it is too small.
    """
    valid = f"{least} or more, {unset}" if unset else f"{least} or more"
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise InvalidTypeError(
            f"{name} is {value!r} ({type(value).__name__}): expected a whole number, {valid}"
        )
    if number < least:
        raise ConfigError(f"{name} is {number}: expected {valid}")
    return number


def require_seconds(value: object, name: str) -> float:
    """Return a number of seconds above 0.

    Raises:
        InvalidTypeError: if it is not a number.
        ConfigError: if it is not above 0, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} is {value!r} ({type(value).__name__}): expected seconds")
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} is {value}: expected a finite number of seconds above 0")
    return float(value)


def lone_surrogate(text: str) -> int | None:
    """Return the position of the first surrogate without its other half, or None.

    Such a text is not valid Unicode, and can be neither encoded nor stored. It comes from files
    read with ``errors="surrogateescape"``, and from JSON that was cut in the middle of a pair.
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def without_credentials(text: str) -> str:
    """Return a text without the user and password of the urls in it, for messages."""
    return _CREDENTIALS.sub("", text)


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
    if (at := lone_surrogate(text)) is not None:
        raise InvalidInputError(
            f"{name} has a lone surrogate at character {at}: it is not valid Unicode; read files "
            "with errors='replace', or drop the character"
        )
    return text
