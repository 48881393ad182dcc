"""Texts cut into passages: nothing lost, nothing too long, whole sentences where they fit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_integrations.rag.chunking import ChunkSettings, spans
from splade_sdk.errors import ConfigError

texts = st.text(st.sampled_from("ab .!?\n\t\u3002\u201d)"), max_size=120)


@st.composite
def settings(draw: st.DrawFn) -> ChunkSettings:
    longest = draw(st.integers(1, 40))
    overlap = draw(st.integers(0, longest - 1))
    return ChunkSettings(max_characters=longest, overlap_characters=overlap)


def cut(text: str, longest: int, overlap: int = 0) -> list[str]:
    made = spans(text, ChunkSettings(max_characters=longest, overlap_characters=overlap))
    return [text[span.start : span.end] for span in made]


@given(texts, settings())
def test_nothing_but_white_space_is_lost(text: str, given_settings: ChunkSettings) -> None:
    held = {at for span in spans(text, given_settings) for at in range(span.start, span.end)}
    assert all(text[at].isspace() for at in range(len(text)) if at not in held)


@given(texts, settings())
def test_passages_are_bounded_trimmed_and_go_on(text: str, given_settings: ChunkSettings) -> None:
    made = spans(text, given_settings)
    for span in made:
        passage = text[span.start : span.end]
        assert 0 < len(passage) <= given_settings.max_characters
        assert passage == passage.strip()
    for one, other in pairwise(made):
        assert one.start < other.start
        assert one.end < other.end
        assert one.end - other.start <= given_settings.overlap_characters


@pytest.mark.parametrize("text", ["", "  \n\n "])
def test_a_blank_text_has_no_passages(text: str) -> None:
    assert cut(text, 10) == []


def test_a_short_text_is_one_passage() -> None:
    assert cut(" One. Two!\n\nThree? ", 100) == ["One. Two!\n\nThree?"]


def test_sentences_stay_whole_where_they_fit() -> None:
    #      9           9         11
    text = "One two.  Tree. Five six \u201cx.\u201d) Z"
    assert cut(text, 15) == ["One two.  Tree.", "Five six \u201cx.\u201d)", "Z"]


def test_a_blank_line_ends_a_sentence() -> None:
    assert cut("A title\n \nThe text", 10) == ["A title", "The text"]


def test_long_sentences_are_cut_between_words_and_long_words_anywhere() -> None:
    assert cut("aaa bbb ccc", 8) == ["aaa bbb", "ccc"]
    assert cut("aaaaaaaaaa bb", 4) == ["aaaa", "aaaa", "aa", "bb"]


def test_text_without_spaces_is_cut_at_its_own_marks() -> None:
    assert cut("\u732b\u3067\u3059\u3002\u72ac\u3067\u3059\u3002", 4) == [
        "\u732b\u3067\u3059\u3002",
        "\u72ac\u3067\u3059\u3002",
    ]


def test_whole_sentences_are_repeated() -> None:
    # "B." fits into an overlap of 3, "A. B." does not.
    assert cut("A. B. C. D.", 5, 3) == ["A. B.", "B. C.", "C. D."]


def test_an_overlap_as_long_as_a_passage_is_refused() -> None:
    with pytest.raises(ConfigError, match="less than max_characters, which is 5"):
        ChunkSettings(max_characters=5, overlap_characters=5)


def test_long_runs_take_no_longer_than_their_length() -> None:
    # With an expression that backtracks this would not end.
    text = "a" + " " * 50_000 + "\n" * 50_000 + "b." + "\u201d" * 50_000
    assert cut(text, 1000)[0] == "a"
    words = "word " * 400_000
    assert sum(map(len, cut(words, 1000))) == 400_000 * 5 - 2_000
