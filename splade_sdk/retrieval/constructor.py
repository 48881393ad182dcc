"""Checks of what a retriever is made of; pure."""

from __future__ import annotations

import math
from typing import TypeVar

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.settings import Settings

__all__ = ["require_seconds", "require_settings"]

SettingsOf = TypeVar("SettingsOf", bound=Settings)


def require_settings(
    given: SettingsOf | None, kind: type[SettingsOf], name: str
) -> SettingsOf | None:
    """Return settings of a class, or None.

    Raises:
        InvalidTypeError: if it is something else, such as a dictionary.
    """
    if given is not None and not isinstance(given, kind):
        hint = f"(**{name})" if isinstance(given, dict) else "(...)"
        raise InvalidTypeError(
            f"{name} is {type(given).__name__}: expected {kind.__name__}{hint} or None"
        )
    return given


def require_seconds(value: object, name: str) -> float:
    """Return a number of seconds above 0.

    Raises:
        InvalidTypeError: if it is no number.
        ConfigError: if it is not above 0, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTypeError(f"{name} is {value!r} ({type(value).__name__}): expected seconds")
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} is {value}: expected a finite number of seconds above 0")
    return float(value)
