"""Texts are cut as the tokenizer itself would cut them, and windows lose nothing."""

from __future__ import annotations

import itertools

import pytest
from transformers import PreTrainedTokenizerFast

from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError
from tests.unit.encoders.tiny import TEXTS, byte_bpe, wordpiece

LONG = "Sparse vectors, inverted indexes and naïve café words; 東京 🙂 " * 20
TOKENIZERS = {"wordpiece": wordpiece, "byte-level bpe": byte_bpe}


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    return TOKENIZERS[request.param]()


@pytest.mark.parametrize("max_length", [3, 4, 17, 64])
def test_pieces_are_the_tokenizers_own_truncation(tokenizer, max_length) -> None:
    texts = [*TEXTS, LONG, "  leading and trailing space\n", "[CLS] <s> [MASK]"]
    pieces = TextTokenizer(tokenizer, max_length=max_length).pieces(texts)
    expected = [tokenizer(text, truncation=True, max_length=max_length).input_ids for text in texts]
    uncut = [tokenizer(text, truncation=False, verbose=False).input_ids for text in texts]
    assert pieces.ids == expected
    assert pieces.text_of == list(range(len(texts)))
    assert pieces.longer == sum(len(ids) > max_length for ids in uncut)


def test_the_prompt_is_part_of_the_text(tokenizer) -> None:
    pieces = TextTokenizer(tokenizer, max_length=10, prompt="query: ").pieces(["sparse vector"])
    assert pieces.ids == [
        tokenizer("query: sparse vector", truncation=True, max_length=10).input_ids
    ]


def test_truncation_saved_in_the_tokenizer_does_not_apply(tokenizer) -> None:
    tokenizer(LONG, truncation=True, max_length=5, padding="max_length")  # leaves both switched on
    ids = TextTokenizer(tokenizer, max_length=64).pieces(["sparse vector", LONG]).ids
    assert len(ids[0]) < 10
    assert len(ids[1]) == 64


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u00a0", "\u3000"])
def test_blank_texts_have_no_piece(tokenizer, blank) -> None:
    pieces = TextTokenizer(tokenizer, max_length=8, prompt="query: ").pieces([blank, "x", blank])
    assert pieces.text_of == [1]
    assert len(pieces.ids) == 1
    assert TextTokenizer(tokenizer, max_length=8).pieces([]).ids == []


@pytest.mark.parametrize(("max_length", "overlap"), [(3, 0), (8, 0), (8, 5), (20, 7), (64, 32)])
def test_windows_cover_every_token_with_the_overlap(tokenizer, max_length, overlap) -> None:
    text_tokenizer = TextTokenizer(tokenizer, max_length=max_length, windows=True, overlap=overlap)
    pieces = text_tokenizer.pieces([LONG, "", "x"])
    first, last = tokenizer("a").input_ids[0], tokenizer("a").input_ids[-1]
    windows = [ids for ids, of in zip(pieces.ids, pieces.text_of, strict=True) if of == 0]
    for ids in windows:
        assert (ids[0], ids[-1]) == (first, last)
        assert len(ids) <= max_length
    inner = [ids[1:-1] for ids in windows]
    assert all(len(ids) == max_length - 2 for ids in inner[:-1])
    assert len(inner[-1]) > overlap  # the last window adds at least one token
    whole = list(inner[0])
    for before, after in itertools.pairwise(inner):
        assert before[len(before) - overlap :] == after[:overlap]
        whole += after[overlap:]
    assert whole == tokenizer(LONG, add_special_tokens=False, verbose=False).input_ids
    assert pieces.text_of[len(windows) :] == [2]
    assert pieces.longer == 1


@pytest.mark.parametrize("tokens", [5, 6, 7])
def test_how_many_windows_a_text_takes(tokens) -> None:
    # 8 - 2 special = 6 tokens a window, 2 of them shared: up to 6 tokens one window, 7 tokens two.
    text_tokenizer = TextTokenizer(wordpiece(), max_length=8, windows=True, overlap=2)
    pieces = text_tokenizer.pieces([" ".join(["x"] * tokens)])
    assert len(pieces.ids) == (2 if tokens == 7 else 1)


def test_ids_are_uncut_and_without_special_tokens(tokenizer) -> None:
    text_tokenizer = TextTokenizer(tokenizer, max_length=4, prompt="query: ")
    expected = tokenizer(LONG, add_special_tokens=False, verbose=False).input_ids
    assert text_tokenizer.ids([LONG]) == [expected]
    assert text_tokenizer.ids([]) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 2}, "max_length is 2, but special tokens alone take 2"),
        ({"max_length": -5}, "max_length is -5"),
        ({"max_length": 8, "overlap": 6}, "window_overlap is 6 tokens: expected 0 to 5"),
        ({"max_length": 8, "overlap": -1}, "window_overlap is -1"),
    ],
)
def test_settings_that_leave_no_room(settings, message) -> None:
    with pytest.raises(ConfigError, match=message):
        TextTokenizer(wordpiece(), windows=True, **settings)


def test_saving_keeps_the_length(tokenizer, tmp_path) -> None:
    TextTokenizer(tokenizer, max_length=11).save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert again.model_max_length == 11
    assert (
        again(LONG, truncation=True).input_ids
        == tokenizer(LONG, truncation=True, max_length=11).input_ids
    )
