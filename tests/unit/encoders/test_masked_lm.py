"""Any architecture's masked LM, cut open before its vocabulary, equals the textbook."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from splade_sdk import SpladeEncoder
from splade_sdk.encoders.masked_lm import MaskedLM, load_masked_lm
from splade_sdk.errors import ModelFormatError
from tests.unit.encoders.conftest import FolderOf
from tests.unit.encoders.tiny import CONFIGS, POSITIONS, TEXTS, VOCABULARY, textbook_vectors


@pytest.mark.parametrize("architecture", CONFIGS)
def test_vectors_equal_the_textbook(architecture: str, folder_of: FolderOf) -> None:
    folder = folder_of(architecture)
    expected = textbook_vectors(folder, TEXTS)
    encoder = SpladeEncoder(folder, device="cpu")
    assert encoder.dimensions == VOCABULARY
    assert encoder.max_length == POSITIONS
    with pytest.warns(UserWarning, match="were cut"):
        vectors = encoder.encode([*TEXTS, "long " * 100])
    ours = torch.from_numpy(vectors.to_scipy().toarray())[: len(TEXTS)]
    assert (expected > 0).any()
    assert (expected == 0).any()
    assert (ours - expected).abs().max() < 1e-5
    assert torch.equal(ours > 1e-5, expected > 1e-5)


def test_the_longest_text_the_model_takes(folder_of: FolderOf) -> None:
    # RoBERTa has 66 positions, of which 0 and 1 are never used: 64 tokens must fit.
    text = "the sparse vector " * 40
    encoder = SpladeEncoder(folder_of("roberta"), device="cpu")
    expected = textbook_vectors(folder_of("roberta"), [text])
    with pytest.warns(UserWarning, match="were cut"):
        ours = torch.from_numpy(encoder.encode(text).to_dense())
    assert (ours - expected[0]).abs().max() < 1e-5


def test_a_head_that_is_not_linear_is_refused(bert_folder) -> None:
    class Capped(BertForMaskedLM):
        def forward(self, *args, **kwargs):
            output = super().forward(*args, **kwargs)
            output.logits = output.logits.tanh()
            return output

    model = Capped.from_pretrained(bert_folder)
    with pytest.raises(ModelFormatError, match="more than a linear map"):
        MaskedLM(model)
    probe = torch.tensor([[5, 6]])
    assert model(input_ids=probe).logits.shape == (1, 2, VOCABULARY)  # and is left as it was


def test_a_model_without_output_embeddings_is_refused() -> None:
    class Headless(BertForMaskedLM):
        def get_output_embeddings(self):
            return None

    with pytest.raises(ModelFormatError, match="Headless has no linear output embeddings"):
        MaskedLM(Headless(BertConfig(**_small())))


def test_the_saved_model_is_whole(folder_of: FolderOf, tmp_path) -> None:
    folder = folder_of("bert-untied")
    load_masked_lm(folder, dtype=torch.float32).save_pretrained(tmp_path)
    again = BertForMaskedLM.from_pretrained(tmp_path).state_dict()
    for name, tensor in BertForMaskedLM.from_pretrained(folder).state_dict().items():
        assert torch.equal(again[name], tensor), name


def _small() -> dict[str, int]:
    return {
        "vocab_size": 50,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
    }
