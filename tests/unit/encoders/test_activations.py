from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from splade_sdk import Bm25Encoder, SparseVector, SpladeEncoder
from splade_sdk.encoders.activations import activations
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.types import Place, TermActivation
from tests.unit.encoders.conftest import FolderOf
from tests.unit.encoders.tiny import TEXTS, wordpiece

LONG = " ".join(TEXTS) * 2  # more tokens than the model's 64


def by_id(found: list[TermActivation]) -> dict[int, TermActivation]:
    return {each.index: each for each in found}


def logits_of(folder: Path, ids: list[int]) -> torch.Tensor:
    """The textbook: the logit of every token and term. Shape: (tokens, vocabulary)."""
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits[0]


@pytest.mark.parametrize("architecture", ["bert", "roberta", "modernbert", "distilbert"])
@pytest.mark.parametrize("text", [TEXTS[3], TEXTS[4], TEXTS[7]])
def test_the_place_is_that_of_the_token_with_the_largest_logit(
    architecture: str, text: str, folder_of: FolderOf
) -> None:
    folder = folder_of(architecture)
    encoded = AutoTokenizer.from_pretrained(folder)(text, return_offsets_mapping=True)
    logits = logits_of(folder, encoded["input_ids"])
    spans = encoded["offset_mapping"]
    found = SpladeEncoder(folder, device="cpu").activations(text)
    seen = 0
    for each in found:
        start, end = spans[int(logits[:, each.index].argmax())]
        if text[start:end].strip():
            (place,) = each.places
            assert text[place.start : place.end] == text[start:end].strip()
            assert place.word_start <= place.start
            assert place.end <= place.word_end
            seen += 1
        else:  # [CLS] or [SEP]
            assert each.places == ()
    assert seen > 0


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("query", [False, True])
def test_terms_and_weights_are_those_of_the_vector(
    bert_folder: Path, pooling: str, query: bool
) -> None:
    encoder = SpladeEncoder(
        bert_folder,
        device="cpu",
        pooling=pooling,  # type: ignore[arg-type]
        max_active_dims=20,
        query_max_active_dims=7,
    )
    vector = encoder.encode_query(TEXTS[3]) if query else encoder.encode_document(TEXTS[3])
    found = encoder.activations(TEXTS[3], query=query)
    assert len(found) == (7 if query else 20)
    assert {each.index: each.weight for each in found} == vector.to_dict()
    assert [(each.term, each.weight) for each in found] == encoder.decode(vector)


def test_with_windows_the_strongest_token_of_all_windows_counts(bert_folder: Path) -> None:
    encoder = SpladeEncoder(
        bert_folder, device="cpu", long_documents="windows", window_overlap=8, max_length=24
    )
    tokens = encoder.tokenizer(LONG, add_special_tokens=False, return_offsets_mapping=True)
    ids, spans = tokens["input_ids"], tokens["offset_mapping"]
    room, step = 24 - 2, 24 - 2 - 8
    best: dict[int, tuple[float, tuple[int, int]]] = {}
    for start in range(0, max(1, len(ids) - 8), step):
        window = [2, *ids[start : start + room], 3]  # [CLS] and [SEP]
        values, at = logits_of(bert_folder, window).max(dim=0)
        for term, (value, token) in enumerate(zip(values.tolist(), at.tolist(), strict=True)):
            special = token in (0, len(window) - 1)
            span = (0, 0) if special else spans[start + token - 1]
            if value > best.get(term, (float("-inf"), span))[0]:
                best[term] = (value, span)
    found = encoder.activations(LONG)
    for each in found:
        place = each.places[0][:2] if each.places else (0, 0)
        assert place == best[each.index][1]
    assert max(each.places[0].start for each in found if each.places) > len(LONG) // 2


def test_literal_terms_are_those_of_the_text_and_pieces_know_their_word(
    encoder: SpladeEncoder,
) -> None:
    text = "Heartterms of vectorwords, a heart"
    assert any(token.startswith("##") for token in encoder.tokenize(text))
    literal = encoder.literal_terms(text)
    found = encoder.activations(text)
    assert any(each.literal for each in found)
    for each in found:
        assert each.literal == (each.index in literal)
        if each.term.startswith("##") and each.literal:
            assert each.word in ("Heartterms", "vectorwords")
            assert each.term[2:] in each.word.lower()
        if not each.literal or each.term == "a":
            assert each.word is None
    assert any(each.word for each in found)


def test_a_prompt_is_no_place_of_the_text(bert_folder: Path) -> None:
    encoder = SpladeEncoder(bert_folder, device="cpu")
    text_tokenizer = encoder._document.text_tokenizer
    encoder._document.text_tokenizer = TextTokenizer(
        text_tokenizer.tokenizer, max_length=64, prompt="heart attack: "
    )
    text = "sparse vector"
    found = encoder.activations(text)
    for each in found:
        for place in each.places:
            assert 0 <= place.start < place.end <= len(text)
    assert any(not each.places for each in found)
    assert any(each.places for each in found)


def test_without_a_model_every_occurrence_counts(bert_folder: Path) -> None:
    encoder = SpladeEncoder(bert_folder, device="cpu", query_token_weights="ones")
    found = by_id(encoder.activations("heart, heart attack", query=True))
    heart = found[encoder.tokenizer.convert_tokens_to_ids("heart")]
    assert heart.places == (Place(0, 5, 0, 5), Place(7, 12, 7, 12))
    assert (heart.weight, heart.literal) == (1.0, True)


def test_a_tokenizer_without_offsets_gives_no_places(
    encoder: SpladeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = wordpiece()
    side = encoder._document
    side.text_tokenizer = TextTokenizer(tokenizer, max_length=64)
    with_offsets = activations(side, TEXTS[0])
    monkeypatch.setattr(type(tokenizer), "is_fast", False)
    without = activations(side, TEXTS[0])
    assert [each.weight for each in without] == [each.weight for each in with_offsets]
    assert [each.literal for each in without] == [each.literal for each in with_offsets]
    assert all(each.places == () and each.word is None for each in without)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_blank_text_has_none(encoder: SpladeEncoder, text: str) -> None:
    assert encoder.activations(text) == []
    assert Bm25Encoder().activations(text) == []


class TestBm25:
    def test_places_are_all_words_with_the_stem(self) -> None:
        encoder = Bm25Encoder()
        text = "Hearts beat; the heart's beating"
        found = encoder.activations(text)
        vector = encoder.encode_document(text)
        assert isinstance(vector, SparseVector)
        assert {each.index: each.weight for each in found} == vector.to_dict()
        places = {
            each.term: [text[place.start : place.end] for place in each.places] for each in found
        }
        # The apostrophe ends a word, and "s" is a stop word, as "the" is.
        assert places == {"heart": ["Hearts", "heart"], "beat": ["beat", "beating"]}
        assert all(each.literal for each in found)

    def test_places_hold_where_normal_forms_change_the_length(self) -> None:
        encoder = Bm25Encoder(language=None)
        text = "ﬁne ½ İstanbul Cafe\N{COMBINING ACUTE ACCENT} x"
        found = encoder.activations(text)
        places = {
            each.term: [text[place.start : place.end] for place in each.places] for each in found
        }
        assert places["fine"] == ["ﬁne"]
        assert places["café"] == ["Cafe\N{COMBINING ACUTE ACCENT}"]
        assert places["x"] == ["x"]
        assert all(each.places for each in found)

    def test_the_query_side_has_its_own_weights(self) -> None:
        encoder = Bm25Encoder()
        (heart,) = encoder.activations("heart hearts", query=True)
        assert heart.weight == 1.0
        assert np.isclose(heart.weight, encoder.encode_query("heart").values[0])
