"""Makes the options of ``splade search`` from the fields of JsonSearchOptions."""

import json
from collections.abc import Mapping
from enum import Enum
from inspect import Parameter
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from splade_sdk.cli.options import Command, expand, option
from splade_sdk.errors import InvalidFilterError, InvalidInputError
from splade_sdk.retrieval.search.json_options import JsonSearchOptions

__all__ = ["takes_search_options"]

_SHORT = {"limit": "-n"}
_SCALARS = (bool, int, float)


def takes_search_options(command: Command) -> Command:
    """Give a command the options of its parameter ``options: JsonSearchOptions``.

    A field becomes an option of its name, its description the help. Numbers and flags are typer's;
    a choice of strings becomes an Enum; everything else is written as JSON.
    """
    return expand(
        command,
        "options",
        _search_options,
        [_parameter(name, field) for name, field in JsonSearchOptions.model_fields.items()],
    )


def _parameter(name: str, field: FieldInfo) -> Parameter:
    kind = _kind(name, field)
    least: Any = next((each.ge for each in field.metadata if isinstance(each, Ge)), None)
    shown = typer.Option(
        *_flags(name),
        help=field.description,
        metavar="JSON" if kind is str else None,
        show_default=field.default is not None,
        min=least,
    )
    annotation: Any = kind if kind is bool or field.default is not None else kind | None
    return option(name, Annotated[annotation, shown], field.default)


def _flags(name: str) -> list[str]:
    return [f"--{name.replace('_', '-')}", *([_SHORT[name]] if name in _SHORT else [])]


def _kind(name: str, field: FieldInfo) -> Any:
    """Return the type of an option: a scalar, an Enum, or str for what is written as JSON."""
    union = get_origin(field.annotation) in (Union, UnionType)
    kinds = [each for each in get_args(field.annotation) if each is not type(None)]
    (kind, *others) = kinds if union else [field.annotation]
    if others:
        return str
    if get_origin(kind) is Literal:
        return Enum(name, {each: each for each in get_args(kind)}, type=str)
    return kind if kind in _SCALARS else str


def _search_options(**given: Any) -> JsonSearchOptions:
    """Return the options, given the values of the command line.

    Raises:
        InvalidFilterError: if ``--filter`` is not a JSON object.
        InvalidInputError: if another value is not of its field's type.
    """
    values = {name: _value(name, value) for name, value in given.items()}
    try:
        return JsonSearchOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise InvalidInputError(
            f"{_flags(name)[0]} is {given[name]}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        ) from error


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith(("{", "[")) and name != "filter":
        return value  # a name
    return _object(name, value)


def _object(name: str, given: str) -> Mapping[str, Any]:
    flag, example = _flags(name)[0], '{"year": 2024}' if name == "filter" else '{"dense": 0.5}'
    kind = InvalidFilterError if name == "filter" else InvalidInputError
    try:
        read = json.loads(given)
    except json.JSONDecodeError as error:
        raise kind(
            f"{flag} is not JSON ({error.msg} at character {error.colno}): expected an object "
            f"such as '{example}', in single quotes"
        ) from error
    if not isinstance(read, dict):
        raise kind(f"{flag} is {given}: expected a JSON object such as '{example}'")
    return read
