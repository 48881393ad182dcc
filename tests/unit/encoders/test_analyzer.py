import pytest

from splade_sdk.encoders.analyzer import Analyzer
from splade_sdk.errors import ConfigError, InvalidTypeError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Heart-attack, 2.5 mg/kg!", ["heart", "attack", "2", "5", "mg", "kg"]),
        ("snake_case", ["snake", "case"]),
        ("don't it\N{RIGHT SINGLE QUOTATION MARK}s", ["don", "t", "it", "s"]),
        ("ﬁne x²", ["fine", "x2"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("", []),
        (" \n\t ¡!", []),
    ],
)
def test_words_are_lower_case_runs_of_letters_digits_and_marks(text: str, words: list[str]) -> None:
    assert Analyzer().words(text) == words


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert (
        Analyzer().words("cafe\N{COMBINING ACUTE ACCENT}") == Analyzer().words("café") == ["café"]
    )


def test_stems_are_snowballs() -> None:
    assert Analyzer().stem("running") == "run"
    assert Analyzer("german").stem("häuser") == "haus"
    assert Analyzer(None).stem("running") == "running"


def test_english_stop_words_are_the_default_for_english_alone() -> None:
    assert Analyzer().stem("the") is None
    assert Analyzer("german").stem("the") == "the"
    assert Analyzer(None).stem("the") == "the"


def test_stop_words_of_the_caller_replace_the_usual_ones() -> None:
    analyzer = Analyzer(stopwords=["HEART"])
    assert analyzer.stem("heart") is None
    assert analyzer.stem("the") == "the"
    assert Analyzer(stopwords=()).stem("the") == "the"


def test_unknown_language_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'klingon'.*dutch.*english"):
        Analyzer("klingon")


@pytest.mark.parametrize("stopwords", ["the", ["the", None]])
def test_stop_words_must_be_a_list_of_strings(stopwords: object) -> None:
    with pytest.raises(InvalidTypeError, match="stop"):
        Analyzer(stopwords=stopwords)  # type: ignore[arg-type]
