"""Builds what a configuration names from a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import TypeVar

from splade_sdk.errors import ConfigError

__all__ = ["look_up", "make"]

T = TypeVar("T")


def look_up(registry: Mapping[str, T], kind: str, name: str) -> T:
    """Return the entry of that name.

    Args:
        registry: Entries by name.
        kind: What they are; named in the message.
        name: Key of the registry.

    Raises:
        ConfigError: if there is none of that name; the message lists the valid ones.
    """
    if name not in registry:
        raise ConfigError(f"no {kind} {name!r}: expected one of {', '.join(sorted(registry))}")
    return registry[name]


def make(
    registry: Mapping[str, Callable[..., T]], kind: str, name: str, options: Mapping[str, object]
) -> T:
    """Build the entry of that name.

    Args:
        registry: Classes by name.
        kind: What they are; named in the message.
        name: Key of the registry.
        options: Arguments of the class.

    Raises:
        ConfigError: if there is none of that name, or it does not take an option.
    """
    factory = look_up(registry, kind, name)
    known = signature(factory).parameters
    for option in options:
        if option not in known:
            raise ConfigError(
                f"the {kind} {name!r} has no option {option!r}: "
                f"expected one of {', '.join(known) or 'none'}"
            )
    return factory(**options)
