"""An extension of griffe: docstrings as Markdown reads them, and the arguments of settings."""

from __future__ import annotations

import re

import griffe

_EXAMPLE = re.compile(r"^Example:$", flags=re.MULTILINE)
_LITERAL = re.compile(r"::(?=\n\n(?: {4}|\t))")
# Bases of the classes whose attributes are the arguments that they take.
_SETTINGS = {"Settings", "Fusion"}


class Docstrings(griffe.Extension):
    """Reads ``Example:`` as ``Examples:``, and ``::`` as the colon before a block of code."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Change the docstring of an object.

        Args:
            obj: What griffe has found.
            **_: What it tells besides.
        """
        if obj.docstring:
            text = _EXAMPLE.sub("Examples:", obj.docstring.value)
            obj.docstring.value = _LITERAL.sub(":", text)

    def on_class(self, *, cls: griffe.Class, **_: object) -> None:
        """Give settings the arguments that pydantic gives them.

        Args:
            cls: A class that griffe has found.
            **_: What it tells besides.
        """
        if not _SETTINGS.intersection(str(base) for base in cls.bases):
            return
        made = griffe.Function("__init__", parameters=griffe.Parameters(*_arguments(cls)))
        cls.set_member("__init__", made)


def _arguments(cls: griffe.Class) -> list[griffe.Parameter]:
    named = griffe.ParameterKind.keyword_only
    return [
        griffe.Parameter(name, annotation=each.annotation, kind=named, default=_default(each.value))
        for name, each in cls.members.items()
        if isinstance(each, griffe.Attribute) and each.annotation is not None
    ]


def _default(value: griffe.Expr | str | None) -> griffe.Expr | str | None:
    """Return the default that an attribute or its ``Field(...)`` names, or None."""
    if not isinstance(value, griffe.ExprCall) or str(value.function) != "Field":
        return value
    for each in value.arguments:
        if isinstance(each, griffe.ExprKeyword) and each.name == "default":
            return each.value
        if isinstance(each, griffe.ExprKeyword) and each.name == "default_factory":
            return f"{each.value}()"
    return None
