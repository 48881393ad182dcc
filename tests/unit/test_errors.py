from __future__ import annotations

import inspect
import re

import pytest

from splade_sdk import errors
from splade_sdk.errors import MissingDependencyError, RateLimitedError, SpladeError

CLASSES = {
    name: each
    for name, each in vars(errors).items()
    if inspect.isclass(each) and each.__module__ == errors.__name__
}
# A line of the tree: its depth in columns, the class, and the built-in class it also is.
LINE = re.compile(r"^(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+)(?: \((?P<builtin>\w+)\))?")


def tree() -> list[tuple[str, str | None, str | None]]:
    """Return name, parent and built-in class of each line of the docstring's tree."""
    drawn, path = [], []
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.match(line)
        if match is None or not line.startswith("    "):
            continue
        depth = len(match["indent"])
        path = [(indent, name) for indent, name in path if indent < depth]
        drawn.append((match["name"], path[-1][1] if path else None, match["builtin"]))
        path.append((depth, match["name"]))
    return drawn


def test_all_is_complete_and_sorted() -> None:
    assert errors.__all__ == sorted(CLASSES)


def test_the_tree_names_every_class_exactly_once() -> None:
    assert sorted(name for name, _, _ in tree()) == sorted(CLASSES)


@pytest.mark.parametrize(("name", "parent", "builtin"), tree())
def test_the_tree_is_true(name: str, parent: str | None, builtin: str | None) -> None:
    bases = {base.__name__ for base in CLASSES[name].__bases__}
    expected = {each for each in (parent, builtin) if each}
    assert bases == (expected or {"Exception"})


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"SpladeError", "TruncationWarning"}))
def test_each_error_is_ours_and_the_standard_librarys(name: str) -> None:
    each = CLASSES[name]
    assert issubclass(each, SpladeError)
    builtins = [base for base in each.__mro__ if base.__module__ == "builtins"]
    assert set(builtins) - {Exception, BaseException, object}


def test_the_warning_is_no_error() -> None:
    assert issubclass(errors.TruncationWarning, UserWarning)
    assert not issubclass(errors.TruncationWarning, SpladeError)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_carries_its_message(name: str) -> None:
    assert str(CLASSES[name]("what, why and what to do")) == "what, why and what to do"


def test_a_missing_dependency_names_package_and_extra() -> None:
    error = MissingDependencyError.for_extra("ir-measures", "eval")
    assert "ir-measures is not installed" in str(error)
    assert "pip install 'splade-sdk[eval]'" in str(error)
    assert error.name == "ir-measures"


def test_rate_limits_say_how_long_to_wait() -> None:
    assert RateLimitedError("slow down", 2.5).retry_after_s == 2.5
    assert RateLimitedError("slow down").retry_after_s is None
