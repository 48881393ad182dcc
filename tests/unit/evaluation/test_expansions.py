from __future__ import annotations

import json
from math import sqrt

import pytest

from splade_sdk.evaluation.expansions import compare_expansions
from splade_sdk.types import TermActivation


class Encoder:
    """Makes the same terms of every text: term, weight, literal."""

    def __init__(self, *terms: tuple[str, float, bool]) -> None:
        self._terms = terms
        self.asked: list[tuple[str, bool]] = []

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        self.asked.append((text, query))
        return [TermActivation(at, *term) for at, term in enumerate(self._terms)]


WORDPIECE = Encoder(("heart", 2.0, True), ("cardiac", 1.0, False), ("##s", 0.5, True))
BYTES = Encoder(("ĠHeart", 1.5, True), ("heart", 0.25, True), ("Ġlove", 2.5, False))


def test_terms_that_read_the_same_meet() -> None:
    made = compare_expansions(WORDPIECE, BYTES, "hearts")
    assert [(each.term, each.first, each.second, each.literal) for each in made.terms] == [
        ("love", None, 2.5, False),
        ("heart", 2.0, 1.5, True),
        ("cardiac", 1.0, None, False),
        ("…s", 0.5, None, True),
    ]


def test_agreement_is_counted() -> None:
    made = compare_expansions(WORDPIECE, BYTES, "hearts")
    assert (made.shared, made.overlap) == (1, 1 / 4)
    # 2 * 1.5 over the two lengths
    assert made.cosine == pytest.approx(3 / (sqrt(4 + 1 + 0.25) * sqrt(1.5**2 + 2.5**2)))
    assert (made.counts(), made.counts(second=True)) == ((2, 1), (1, 1))
    assert json.loads(json.dumps(made.to_dict()))["overlap"] == 1 / 4


@pytest.mark.parametrize("query", [False, True])
def test_both_encode_the_side_asked_for(query: bool) -> None:
    one, other = Encoder(), Encoder()
    compare_expansions(one, other, "text", query=query)
    assert one.asked == other.asked == [("text", query)]


def test_texts_without_terms() -> None:
    nothing = compare_expansions(Encoder(), Encoder(), "")
    assert (nothing.terms, nothing.overlap, nothing.cosine) == ((), 1.0, 1.0)
    half = compare_expansions(WORDPIECE, Encoder(), "")
    assert (half.overlap, half.cosine) == (0.0, 0.0)
