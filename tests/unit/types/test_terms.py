import pytest

from splade_sdk.types.terms import readable_term


@pytest.mark.parametrize(
    ("term", "told"),
    [
        ("heart", "heart"),
        ("##raphy", "…raphy"),
        ("##", "##"),
        ("▁heart", "heart"),
        ("▁", "▁"),
        ("Ġheart", "heart"),
        ("ĠcafÃ©", "café"),
        ("æĿ±", "東"),
        ("東", "東"),
        ("naïve", "naïve"),  # WordPiece: its ï is no whole sequence of bytes
        ("Ã", "Ã"),  # half a character
        ("Ċ", "Ċ"),  # a line feed has nothing to show
        ("ġ", "ġ"),  # and neither has DEL
    ],
)
def test_marks_of_tokenizers_are_undone(term: str, told: str) -> None:
    assert readable_term(term) == told
