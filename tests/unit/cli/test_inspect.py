from __future__ import annotations

import json
from collections.abc import Callable

from tests.unit.cli.conftest import Ran

Splade = Callable[..., Ran]


def test_bars_are_as_long_as_weights_and_added_terms_are_marked(splade: Splade) -> None:
    # The stand-in model calls the first word literal and the rest added: heart 1, attack 2.
    ran = splade("inspect", "heart attack attack")
    first, second = ran.out.splitlines()
    assert first.split()[1:] == ["2.00", "█" * 32, "+"]
    assert second.split()[1:] == ["1.00", "█" * 16]
    assert ran.err == "2 terms: 1 stand in the text, 1 added (+)\n"


def test_json_is_valid_and_sorted(splade: Splade) -> None:
    rows = json.loads(splade("inspect", "heart attack attack", "--json").out)
    assert [(row["weight"], row["literal"]) for row in rows] == [(2.0, False), (1.0, True)]


def test_top_k_cuts_and_says_so(splade: Splade) -> None:
    ran = splade("inspect", "a b c d", "--top-k", "2")
    assert len(ran.out.splitlines()) == 2
    assert ran.err.startswith("the 2 heaviest of 4 terms")


def test_a_text_without_terms(splade: Splade) -> None:
    ran = splade("inspect", "--query", "x", "--top-k", "1")
    assert ran.code == 0
