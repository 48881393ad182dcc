"""Call options declared once, as the fields of a class, and shown in every method that takes them.

A method with the parameter ``**options: Unpack[SomeKeywords]`` is checked by type checkers, but
``help`` shows no more than ``**options``. ``shows`` puts the fields and their defaults there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypeVar, cast

from splade_sdk.errors import InvalidTypeError

__all__ = ["shows"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def shows(
    options: type, keywords: type | None = None, *, exclude: Collection[str] = ()
) -> Callable[[_Function], _Function]:
    """Give a function with ``**options`` a signature that lists them, and refuse other names.

    Args:
        options: A dataclass or a pydantic model; its fields are the keywords.
        keywords: The TypedDict of those that the function takes; None for all.
        exclude: Keywords to leave out.

    Returns:
        A decorator. A call with an unknown keyword raises TypeError, as Python does, and names the
        nearest known one.
    """
    shown = [each for each in _parameters(options) if each.name not in exclude]
    if keywords is not None:
        taken = keywords.__annotations__
        shown = [
            each.replace(annotation=_as_written(taken[each.name]))
            for each in shown
            if each.name in taken
        ]

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)
        own = [
            each
            for each in signature.parameters.values()
            if each.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        known = {each.name for each in (*own, *shown)}

        def require_known(keywords: dict[str, Any]) -> None:
            for name in keywords:
                if name not in known:
                    near = get_close_matches(name, known, 1)
                    hint = f". Did you mean {near[0]!r}?" if near else ""
                    raise InvalidTypeError(
                        f"{function.__qualname__}() got an unexpected keyword argument "
                        f"{name!r}{hint}"
                    )

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def checked(*args: Any, **keywords: Any) -> Any:
                require_known(keywords)
                return await function(*args, **keywords)
        else:

            @wraps(function)
            def checked(*args: Any, **keywords: Any) -> Any:
                require_known(keywords)
                return function(*args, **keywords)

        named: Any = checked
        named.__signature__ = signature.replace(parameters=[*own, *shown])
        return cast("_Function", checked)

    return decorate


def _as_written(annotation: object) -> object:
    """Return an annotation as a TypedDict has it: it wraps strings in forward references."""
    return getattr(annotation, "__forward_arg__", annotation)


def _parameters(options: type) -> list[inspect.Parameter]:
    """Return a keyword-only parameter for each field, with its default and annotation."""
    if is_dataclass(options):
        return [
            _parameter(each.name, each.type, each.default, each.default_factory)
            for each in fields(options)
        ]
    model: Any = options
    return [
        _parameter(
            name,
            each.annotation,
            MISSING if each.is_required() else each.get_default(call_default_factory=True),
            MISSING,
        )
        for name, each in model.model_fields.items()
    ]


def _parameter(name: str, annotation: Any, default: Any, factory: Any) -> inspect.Parameter:
    if default is MISSING:
        default = inspect.Parameter.empty if factory is MISSING else factory()
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
