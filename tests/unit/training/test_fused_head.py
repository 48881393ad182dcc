import pytest
import torch

from splade_sdk.training import fused_head
from splade_sdk.training.fused_head import FusedHead

POOLINGS = ("max", "sum")
ACTIVATIONS = ("log1p_relu", "log1p_log1p_relu")


def textbook(tokens, lengths, weight, bias, pooling, activation):
    """w_j = max or sum over tokens i of f(h_i . E_j + b_j). Shape: (batch, vocabulary)."""
    logits = tokens @ weight.t()
    if bias is not None:
        logits = logits + bias
    weights = torch.log1p(torch.relu(logits))
    if activation == "log1p_log1p_relu":
        weights = torch.log1p(weights)
    texts = weights.split(lengths)
    return torch.stack([text.amax(0) if pooling == "max" else text.sum(0) for text in texts])


def inputs(lengths, vocabulary, width, *, mean, dtype=torch.float32, seed=0):
    """Tokens, embeddings and bias; logits have the standard deviation 1 around ``mean``."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(sum(lengths), width, generator=generator, dtype=dtype)
    weight = torch.randn(vocabulary, width, generator=generator, dtype=dtype) / width**0.5
    bias = torch.full((vocabulary,), mean, dtype=dtype)
    return [each.requires_grad_() for each in (tokens, weight, bias)]


def gradients(pooled, upstream, leaves):
    return torch.autograd.grad((pooled * upstream).sum(), leaves)


def relative_error(ours, expected):
    """Largest difference over the largest value."""
    return float((ours - expected).abs().max() / expected.abs().max())


# Means of the logits: at 0.5 most pairs are active (tiles), at -1.8 few are (pairs).
@pytest.mark.parametrize("mean", [0.5, -1.8])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_is_that_of_finite_differences(pooling, activation, mean, monkeypatch):
    monkeypatch.setattr(fused_head, "MAX_CANDIDATES", 0.6)  # of so few pairs, more are active
    lengths = [3, 1, 2]
    leaves = inputs(lengths, 13, 5, mean=mean, dtype=torch.float64)
    head = FusedHead(pooling, activation)

    active = head(leaves[0], lengths, *leaves[1:]).gt(0).double().mean()
    assert (active > 0.6) == (mean > 0)  # both ways through the code are taken
    assert torch.autograd.gradcheck(
        lambda tokens, weight, bias: head(tokens, lengths, weight, bias), leaves
    )


@pytest.mark.parametrize("mean", [0.5, -3.9])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_real_size_equals_the_textbook(pooling, activation, mean):
    lengths = [40, 7, 23, 1]
    leaves = inputs(lengths, 30522, 128, mean=mean)
    upstream = torch.randn(4, 30522, generator=torch.Generator().manual_seed(1))
    expected = textbook(leaves[0], lengths, *leaves[1:], pooling, activation)

    pooled = FusedHead(pooling, activation)(leaves[0], lengths, *leaves[1:])

    assert 0 < int((pooled > 0).sum()) < pooled.numel()
    torch.testing.assert_close(pooled, expected, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(
        gradients(pooled, upstream, leaves), gradients(expected, upstream, leaves), strict=True
    ):
        assert relative_error(ours, theirs) < 1e-4


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("mean", [0.5, -3.9])
def test_a_head_without_bias(pooling, mean):
    lengths = [5, 9]
    tokens, weight, _ = inputs(lengths, 997, 32, mean=0.0)
    with torch.no_grad():
        tokens += mean * weight.mean(0)  # so that both ways of the code see it
    upstream = torch.randn(2, 997)
    expected = textbook(tokens, lengths, weight, None, pooling, "log1p_relu")

    pooled = FusedHead(pooling)(tokens, lengths, weight, None)

    torch.testing.assert_close(pooled, expected)
    for ours, theirs in zip(
        gradients(pooled, upstream, [tokens, weight]),
        gradients(expected, upstream, [tokens, weight]),
        strict=True,
    ):
        assert relative_error(ours, theirs) < 1e-4


@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_forgets_the_weights_it_has_screened(shift):
    lengths = [6]
    tokens, weight, bias = inputs(lengths, 499, 32, mean=-6.0 + 4.0 - shift)
    head = FusedHead()
    head(tokens, lengths, weight, bias)
    with torch.no_grad():
        weight.neg_()
        bias += shift

    head.forget()
    pooled = head(tokens, lengths, weight, bias)

    expected = textbook(tokens, lengths, weight, bias, "max", "log1p_relu")
    assert expected.count_nonzero() > 0
    torch.testing.assert_close(pooled, expected)


def test_no_active_term_has_no_gradient():
    lengths = [4, 2]
    leaves = inputs(lengths, 499, 32, mean=-50.0)

    pooled = FusedHead()(leaves[0], lengths, *leaves[1:])

    assert pooled.count_nonzero() == 0
    assert all(grad.count_nonzero() == 0 for grad in gradients(pooled, 1.0, leaves))


@pytest.mark.parametrize("mean", [0.5, -3.9])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_bfloat16_hidden_states_under_autocast(pooling, mean):
    lengths = [8, 3]
    tokens, weight, bias = inputs(lengths, 499, 32, mean=mean)
    pooled = FusedHead(pooling)(tokens.bfloat16(), lengths, weight, bias)
    expected = textbook(tokens, lengths, weight, bias, pooling, "log1p_relu")

    assert pooled.dtype == torch.bfloat16
    torch.testing.assert_close(pooled.float(), expected, rtol=0.05, atol=0.05)
    grads = gradients(pooled.float(), 1.0, [tokens, weight, bias])
    assert [grad.dtype for grad in grads] == [torch.float32] * 3
