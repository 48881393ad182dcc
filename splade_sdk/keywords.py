"""Typed keyword arguments: a verb takes ``**options`` of a closed set, and shows each of them.

A verb is annotated with ``**options: Unpack[Keywords]``, where ``Keywords`` is a TypedDict (PEP
692), so that type checkers refuse a wrong name or type. The values are checked and documented in
one class; ``shows`` writes its fields, with their defaults, into the verb's signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from splade_sdk.errors import InvalidTypeError

__all__ = ["require_keywords", "shows"]

Verb = TypeVar("Verb", bound=Callable[..., Any])


def shows(options: type, keywords: type) -> Callable[[Verb], Verb]:
    """Return a decorator that lists the keywords of ``**options`` in a function's signature.

    ``help()``, ``inspect.signature`` and editors that run the code then show each with its type and
    default, as if it were written out.

    Args:
        options: The dataclass or pydantic model that checks and documents the values.
        keywords: The TypedDict of the names that the function takes.
    """
    taken = keywords.__annotations__
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_plain(taken[name])
        )
        for name, default in _defaults(options)
        if name in taken
    ]

    def show(verb: Verb) -> Verb:
        signature = inspect.signature(verb)
        named = [
            each
            for each in signature.parameters.values()
            if each.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        verb.__signature__ = signature.replace(  # type: ignore[attr-defined] - inspect reads it
            parameters=[*named, *parameters]
        )
        return verb

    return show


def require_keywords(given: Mapping[str, object], keywords: type, verb: str) -> None:
    """Refuse keywords that a verb does not take.

    Raises:
        InvalidTypeError: as Python does for a wrong keyword, with the nearest name.
    """
    for name in given:
        if name not in keywords.__annotations__:
            raise InvalidTypeError(
                f"{verb}() has no argument {name!r}: {_advice(name, keywords.__annotations__)}"
            )


def _advice(name: str, valid: Iterable[str]) -> str:
    names = sorted(valid)
    nearest = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {nearest[0]!r}?" if nearest else f"expected one of {', '.join(names)}"


def _plain(annotation: object) -> object:
    """Return an annotation as it is written: a TypedDict wraps strings in forward references."""
    return getattr(annotation, "__forward_arg__", annotation)


def _defaults(options: type) -> list[tuple[str, object]]:
    if is_dataclass(options):
        return [
            (each.name, each.default if each.default is not MISSING else each.default_factory())
            for each in fields(options)
            if each.default is not MISSING or each.default_factory is not MISSING
        ]
    return [
        (name, field.get_default(call_default_factory=True))
        for name, field in options.model_fields.items()  # type: ignore[attr-defined] - pydantic
    ]
