"""Options that are declared once are shown, and checked, wherever they are taken."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from splade_sdk.keywords import shows


@dataclass
class Options:
    limit: int = 10
    names: list[str] = field(default_factory=list)
    internal: int = 0


class Model(BaseModel):
    needed: int
    limit: int | None = None


@shows(Options, exclude=("internal",))
def search(query: str, *, offset: int = 0, **options: Any) -> tuple[str, int, Options]:
    return query, offset, Options(**options)


@shows(Model)
async def later(**options: Any) -> Model:
    return Model(**options)


def test_the_signature_has_the_fields_and_their_defaults() -> None:
    shown = inspect.signature(search).parameters
    assert list(shown) == ["query", "offset", "limit", "names"]
    assert shown["limit"].kind is inspect.Parameter.KEYWORD_ONLY
    assert (shown["limit"].default, shown["limit"].annotation) == (10, "int")
    assert shown["names"].default == []


def test_a_pydantic_model_is_shown_too() -> None:
    shown = inspect.signature(later).parameters
    assert shown["needed"].default is inspect.Parameter.empty
    assert shown["limit"].default is None
    assert inspect.iscoroutinefunction(later)
    assert asyncio.run(later(needed=1)) == Model(needed=1)


def test_only_some_fields() -> None:
    class Keywords(TypedDict, total=False):
        limit: int

    @shows(Options, Keywords)
    def ranked(**options: Any) -> None:
        del options

    assert list(inspect.signature(ranked).parameters) == ["limit"]


def test_options_arrive() -> None:
    assert search("a", offset=1, limit=3) == ("a", 1, Options(limit=3))


@pytest.mark.parametrize(
    ("name", "hint"), [("limits", r"\. Did you mean 'limit'\?$"), ("internal", "'internal'$")]
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=rf"search\(\) got an unexpected .* '{name}'.*") as raised:
        search("a", **{name: 1})
    assert raised.match(hint)


def test_an_unknown_name_is_refused_where_it_is_awaited() -> None:
    with pytest.raises(TypeError, match="Did you mean 'limit'"):
        asyncio.run(later(needed=1, limt=2))
