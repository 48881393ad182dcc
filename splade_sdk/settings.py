"""Base class of settings, and its validation messages."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from splade_sdk.errors import ConfigError, InvalidTypeError, SpladeError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["Settings", "config_error", "require_settings"]


class Settings(BaseModel):
    """Base of all settings: immutable, and an unknown key is an error.

    Raises:
        ConfigError: if a key does not exist, is missing, or has a value that is out of range; the
            message names all of them, and for a wrong key the nearest valid one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # type checkers read the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise _own_error(error) or config_error(
                    error, type(self), where=type(self).__name__
                ) from error

        # Private to pydantic: without it settings within settings would raise alone, instead of
        # pydantic collecting the errors of all (tests/unit/test_private_names.py).
        __init__.__pydantic_base_init__ = True


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


def config_error(error: ValidationError, settings: type[BaseModel], *, where: str) -> ConfigError:
    """Return our error for what pydantic refused.

    Args:
        error: What pydantic raised.
        settings: What it was making.
        where: What holds the values; begins the message.
    """
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    messages = [
        _message(problem, settings)
        for problem, place in zip(problems, places, strict=True)
        # A list whose item is wrong is also reported as too short.
        if not any(other != place and other[: len(place)] == place for other in places)
    ]
    return ConfigError(f"{where}: {'; '.join(messages)}")


def _own_error(error: ValidationError) -> SpladeError | None:
    """Return the error of ours that a validator raised, which says by itself what is wrong."""
    causes = (problem.get("ctx", {}).get("error") for problem in error.errors())
    return next((each for each in causes if isinstance(each, SpladeError)), None)


def _message(problem: ErrorDetails, settings: type[BaseModel]) -> str:
    kind, place, given = problem["type"], problem["loc"], problem["input"]
    name = ".".join(map(str, place))
    if kind == "missing" and isinstance(place[-1], int):
        whole = ".".join(map(str, place[:-1]))
        return f"{whole} is {given!r}: expected more items: there is none at place {place[-1] + 1}"
    if kind == "missing":
        return f"no key {name!r}: it is needed"
    if kind == "value_error":
        said = problem["msg"].removeprefix("Value error, ")
        return f"{name}: {said}" if name else said
    if kind == "tuple_type":
        return f"{name} is {given!r}: expected a list"
    if kind == "model_type":
        keys = ", ".join(sorted(_section(settings, place).model_fields))
        return f"{name} is {given!r}: expected keys and values, with the keys {keys}"
    if kind != "extra_forbidden":
        message = problem["msg"].replace("Tuple should", "List should")
        return f"{name} is {given!r}: {message.replace(' after validation', '')}"
    valid = sorted(_section(settings, place[:-1]).model_fields)
    nearest = get_close_matches(str(place[-1]), valid, n=1, cutoff=0.5)
    if nearest:
        meant = ".".join(map(str, (*place[:-1], nearest[0])))
        return f"no key {name!r}: did you mean {meant!r}?"
    return f"no key {name!r}: expected one of {', '.join(valid)}"


def _section(section: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the settings that hold a key."""
    for key in place:
        if isinstance(key, str) and key in section.model_fields:
            section = _settings_in(section.model_fields[key].annotation) or section
    return section


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is not None:
        found = (_settings_in(argument) for argument in get_args(annotation))
        return next((each for each in found if each), None)
    return None
