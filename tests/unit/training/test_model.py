from __future__ import annotations

import numpy as np
import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError
from splade_sdk.training import model as model_module
from splade_sdk.training.model import SpladeModel, TokenBatch
from tests.unit.training import tiny_training as tiny

TEXTS = [
    " ".join(tiny.NOISE_WORDS[:5]),
    tiny.NOISE_WORDS[3],
    " ".join([*tiny.TOPIC_WORDS[0], *tiny.TOPIC_WORDS[1], tiny.NOISE_WORDS[0]]),
    f"{tiny.TOPIC_WORDS[2][0]} {tiny.TOPIC_WORDS[2][0]}",
]


@pytest.fixture(scope="module")
def masked_lm(tmp_path_factory):
    folder = tiny.save_base(tmp_path_factory.mktemp("model") / "base", bias=-5.0)
    return load_masked_lm(folder, dtype=torch.float32).eval()


def batch(texts=TEXTS, max_length=16):
    return TokenBatch.from_ids(
        TextTokenizer(tiny.tokenizer(), max_length=max_length).pieces(texts).ids
    )


class TestTokenBatch:
    def test_pads_with_zeros(self):
        made = TokenBatch.from_ids([[2, 9, 3], [2, 3]])

        assert made.input_ids.tolist() == [[2, 9, 3], [2, 3, 0]]
        assert (made.lengths, len(made)) == ([3, 2], 2)

    def test_a_slice_is_no_longer_than_its_longest_text(self):
        part = TokenBatch.from_ids([[2, 9, 3], [2, 3], [2, 7]])[1:]

        assert part.input_ids.tolist() == [[2, 3], [2, 7]]


def test_a_batch_gives_what_each_text_gives_alone(masked_lm):
    model = SpladeModel(masked_lm)

    together = model.encode_document(batch())

    alone = torch.cat([model.encode_document(batch([text])) for text in TEXTS])
    torch.testing.assert_close(together, alone)
    assert (together > 0).any(dim=1).all()


def test_groups_of_texts_come_back_in_their_order(masked_lm, monkeypatch):
    model = SpladeModel(masked_lm)
    whole = model.encode_document(batch())
    monkeypatch.setitem(model_module._MAX_TOKENS, "cpu", 8)

    torch.testing.assert_close(model.encode_document(batch()), whole)


def test_a_dense_head_adds_the_normalised_mean_of_the_states(masked_lm, monkeypatch):
    model = SpladeModel(masked_lm, has_dense=True)
    monkeypatch.setitem(model_module._MAX_TOKENS, "cpu", 8)  # several groups

    query, _, query_dense, document_dense = model(batch(TEXTS[1:2]), batch())

    assert torch.equal(query, SpladeModel(masked_lm)(batch(TEXTS[1:2]), None)[0])
    torch.testing.assert_close(query_dense, document_dense[1:2])
    for row, ids in enumerate(TextTokenizer(tiny.tokenizer(), max_length=16).pieces(TEXTS).ids):
        mean = masked_lm.forward_with_states(torch.tensor([ids]))[1][0].mean(dim=0)
        torch.testing.assert_close(document_dense[row], mean / mean.norm())


def test_queries_without_a_model_cannot_have_a_dense_head(masked_lm):
    with pytest.raises(ConfigError, match="a dense head needs a query side that runs the model"):
        SpladeModel(masked_lm, query_token_weights=torch.ones(3), has_dense=True)


def test_one_call_for_both_sides(masked_lm):
    model = SpladeModel(masked_lm)

    query, document = model(batch(TEXTS[:1]), batch())

    assert query.shape == (1, len(tiny.VOCABULARY))
    assert document.shape == (4, len(tiny.VOCABULARY))
    assert model(None, batch(TEXTS[:1]))[0] is None
    assert model(batch(TEXTS[:1]), None)[1] is None


def test_a_query_without_expansion_has_its_own_tokens_once(masked_lm):
    weights = torch.rand(len(tiny.VOCABULARY)) + 0.5
    weights[: len(tiny.SPECIAL)] = 0.0
    model = SpladeModel(masked_lm, query_token_weights=weights)

    queries = model.encode_query(batch([TEXTS[3], TEXTS[1]]))

    at = tiny.VOCABULARY[tiny.TOPIC_WORDS[2][0]], tiny.VOCABULARY[TEXTS[1]]
    assert [row.nonzero().flatten().tolist() for row in queries] == [[at[0]], [at[1]]]
    assert queries[0, at[0]] == weights[at[0]]  # once, though it stands there twice


def test_learned_query_weights_get_gradients_from_present_tokens_only(masked_lm):
    model = SpladeModel(masked_lm, query_token_weights=torch.ones(len(tiny.VOCABULARY)))

    model.encode_query(batch([TEXTS[1]])).sum().backward()

    present = batch([TEXTS[1]]).input_ids.flatten().tolist()
    assert model.query_token_weights.grad.nonzero().flatten().tolist() == sorted(present)


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("activation", ["log1p_relu", "log1p_log1p_relu"])
@pytest.mark.parametrize("query_expansion", [True, False])
def test_saved_folder_gives_the_same_vectors(
    masked_lm, pooling, activation, query_expansion, tmp_path
):
    weights = None
    if not query_expansion:
        weights = torch.linspace(-0.5, 2.0, len(tiny.VOCABULARY))  # negative ones count as 0
        weights[: len(tiny.SPECIAL)] = 0.0
    model = SpladeModel(
        masked_lm, pooling=pooling, activation=activation, query_token_weights=weights
    )

    model.save_pretrained(tmp_path / "saved", tiny.tokenizer(), max_length=16)

    encoder = SpladeEncoder(tmp_path / "saved", device="cpu")
    with torch.no_grad():
        query, document = (each.numpy() for each in model(batch(), batch()))
    encoded = encoder.encode_document(TEXTS).to_scipy().toarray()
    np.testing.assert_allclose(encoded, document, rtol=1e-5, atol=1e-6)
    encoded = encoder.encode_query(TEXTS).to_scipy().toarray()
    np.testing.assert_allclose(encoded, query, rtol=1e-5, atol=1e-6)
    assert encoder.max_length == 16


@pytest.mark.parametrize(
    "options", [{"fused": True}, {"foreach": True}], ids=lambda each: str(each)
)
@pytest.mark.parametrize("encode", ["forward", "encode_document", "encode_query"])
def test_weights_are_those_after_the_optimizer_step(tmp_path, options, encode):
    """Fused optimizers do not count up versions: what the head keeps must not rely on them."""
    folder = tiny.save_base(tmp_path / "base", bias=-14.0)
    model = SpladeModel(load_masked_lm(folder, dtype=torch.float32).eval())

    def encoded(of):
        return of(None, batch())[1] if encode == "forward" else getattr(of, encode)(batch())

    # Every term is to grow, so that terms become active that were not.
    optimizer = torch.optim.AdamW([model.masked_lm.bias], lr=2.0, maximize=True, **options)
    before = encoded(model)
    model.masked_lm.bias.grad = torch.ones_like(model.masked_lm.bias)
    optimizer.step()

    after = encoded(model)

    fresh = SpladeModel(model.masked_lm)
    assert (before > 0).sum() < (after > 0).sum()
    torch.testing.assert_close(after, encoded(fresh))
