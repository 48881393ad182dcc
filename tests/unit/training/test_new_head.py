import pytest
import torch
from safetensors.torch import load_file, save_file

from splade_sdk.errors import ConfigError, ModelFormatError
from splade_sdk.training.model import SpladeModel, TokenBatch
from splade_sdk.training.new_head import calibrate_bias, masked_lm_with_new_head, warm_up
from tests.unit.training import tiny_training as tiny

TEXTS = [row["positive"] for row in tiny.examples(64)]


@pytest.fixture
def folder(tmp_path):
    return tiny.save_base(tmp_path / "encoder", head=False)


def weights(masked_lm, texts=TEXTS):
    ids = [tiny.tokenizer()(text)["input_ids"] for text in texts]
    with torch.no_grad():
        return SpladeModel(masked_lm.eval()).encode_document(TokenBatch.from_ids(ids)), ids


def test_bert_starts_with_the_identity(folder):
    """Its logits are the inner products of hidden states (layer-normalised) and embeddings."""
    masked_lm = masked_lm_with_new_head(folder).eval()
    ids = torch.tensor([[2, 9, 12, 3]])

    with torch.no_grad():
        handed_on = masked_lm(ids)
        hidden = masked_lm.model.base_model(input_ids=ids).last_hidden_state

    # BERT's last layer norm has gain 1 and shift 0 here, so a second one changes nothing.
    torch.testing.assert_close(handed_on, hidden, rtol=1e-3, atol=1e-3)
    embeddings = masked_lm.model.get_input_embeddings().weight
    assert masked_lm.weight.data_ptr() == embeddings.data_ptr()


def test_warm_up_teaches_tokens_to_give_themselves_back(folder):
    masked_lm = masked_lm_with_new_head(folder)
    before = {name: each.clone() for name, each in masked_lm.model.base_model.named_parameters()}

    losses = warm_up(masked_lm, tiny.tokenizer(), TEXTS, steps=30)

    assert losses[-1] < losses[0]
    after = dict(masked_lm.model.base_model.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(each.grad is None for each in masked_lm.parameters())


def test_calibration_leaves_few_terms_active_the_own_words_among_them(folder):
    masked_lm = masked_lm_with_new_head(folder)
    dense, _ = weights(masked_lm)
    masked_lm.train()

    calibrate_bias(masked_lm, tiny.tokenizer(), TEXTS, deviations=1.0)

    assert masked_lm.training
    sparse, ids = weights(masked_lm)
    assert (sparse > 0).float().mean() < 0.3 < (dense > 0).float().mean()
    own = [sparse[row, text[1:-1]] > 0 for row, text in enumerate(ids)]
    assert torch.cat(own).float().mean() > 0.5
    assert sparse[:, : len(tiny.SPECIAL)].count_nonzero() == 0


def test_bias_is_mean_and_deviations_below_zero(folder):
    masked_lm = masked_lm_with_new_head(folder).eval()
    pooled = []
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([tiny.tokenizer()(text)["input_ids"]])
            pooled.append((masked_lm(ids)[0] @ masked_lm.weight.t()).amax(dim=0))
    largest = torch.stack(pooled)

    calibrate_bias(masked_lm, tiny.tokenizer(), TEXTS, deviations=1.5)

    expected = -(largest.mean(dim=0) + 1.5 * largest.std(dim=0, correction=0))
    ordinary = slice(len(tiny.SPECIAL), None)
    torch.testing.assert_close(
        masked_lm.bias.detach()[ordinary], expected[ordinary], rtol=1e-3, atol=1e-3
    )


def test_nothing_to_learn_from(folder):
    masked_lm = masked_lm_with_new_head(folder)

    with pytest.raises(ConfigError, match="no text"):
        warm_up(masked_lm, tiny.tokenizer(), [], steps=1)
    with pytest.raises(ConfigError, match="from 1 texts"):
        calibrate_bias(masked_lm, tiny.tokenizer(), TEXTS[:1])


def test_weights_of_the_encoder_that_are_missing_are_not_made_up(folder):
    """They would be random, and the run would go on as if nothing were wrong."""
    path = folder / "model.safetensors"
    kept = {name: each for name, each in load_file(path).items() if "attention" not in name}
    save_file(kept, path, metadata={"format": "pt"})

    with pytest.raises(ModelFormatError, match=r"lacks weights of the encoder .*attention"):
        masked_lm_with_new_head(folder)


def test_a_damaged_file_is_told(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(ModelFormatError, match="cannot read it"):
        masked_lm_with_new_head(folder)


def test_an_architecture_without_a_masked_lm(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')

    with pytest.raises(ModelFormatError, match="has none for it"):
        masked_lm_with_new_head(tmp_path)
