from __future__ import annotations

import pytest

pytest.importorskip("fastapi")

from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.serving.matches import Matches
from splade_sdk.serving.wire import TermMatch
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Terms


def test_the_terms_of_a_query_are_literal_or_added() -> None:
    encoder = Terms()
    vector = encoder.encode_query("doctor doctor pain")
    told = [
        (t.term, t.weight, t.literal)
        for t in Matches(encoder).query_terms("doctor doctor pain", vector)
    ]
    assert told == [("doctor", 2.0, True), ("pain", 1.0, True), ("physician", 0.5, False)]


def test_what_a_term_adds_is_the_product_of_its_weights() -> None:
    encoder = Terms()
    query, text = "doctor pain", "Physician, physician, physician and pain"
    vectors = encoder.encode_query(query), encoder.encode_document(text)
    terms, spans = Matches(encoder).of(query, vectors[0], text, vectors[1])
    assert terms == [
        TermMatch(term="physician", score=1.5, in_query=False, in_text=True),  # 0.5 x 3
        TermMatch(term="pain", score=1.0, in_query=True, in_text=True),  # 1 x 1
        TermMatch(term="doctor", score=0.5, in_query=True, in_text=False),  # 1 x 0.5
    ]
    assert sum(term.score or 0 for term in terms) == vectors[0].dot(vectors[1]) == 3.0
    assert [text[start:end] for start, end in spans] == [
        "Physician",
        "physician",
        "physician",
        "pain",
    ]


def test_positions_count_code_points() -> None:
    encoder = Terms()
    text = "🙂🙂 pain"
    vectors = encoder.encode_query("pain"), encoder.encode_document(text)
    assert Matches(encoder).of("pain", vectors[0], text, vectors[1])[1] == [(3, 7)]


def test_nothing_shared() -> None:
    encoder = Terms()
    vectors = encoder.encode_query("a"), encoder.encode_document("b")
    assert Matches(encoder).of("a", vectors[0], "b", vectors[1]) == ([], [])


def test_a_word_counts_when_half_of_its_tokens_match() -> None:
    class Pieces(Terms):
        def literal_terms(self, text: str) -> set[int]:
            pieces = {"iterator": "it era tor", "passwords": "password s"}
            return super().literal_terms(" ".join(pieces.get(w, w) for w in text.split()))

    encoder = Pieces()
    text = "iterator passwords it"
    shared = encoder.encode_document("it password")
    _, spans = Matches(encoder).of("it password", shared, text, shared)
    assert [text[start:end] for start, end in spans] == ["passwords", "it"]  # 1/3, 1/2, 1/1


def test_an_encoder_that_cannot_tell_literal_terms() -> None:
    encoder = WordEncoder()
    vector = encoder.encode_query("pain")
    assert Matches(encoder).query_terms("pain", vector)[0].literal is None
    terms, spans = Matches(encoder).of("pain", vector, "pain", vector)
    assert (terms[0].in_query, terms[0].in_text, spans) == (None, None, [])


def test_where_the_engine_weighs_terms_their_share_is_unknown() -> None:
    encoder = Bm25Encoder()
    vectors = encoder.encode_query("heart attacks"), encoder.encode_document("a heart attack")
    terms, spans = Matches(encoder).of("heart attacks", vectors[0], "a heart attack", vectors[1])
    assert {term.term for term in terms} == {"heart", "attack"}
    assert {term.score for term in terms} == {None}
    assert spans == [(2, 7), (8, 14)]
