"""The fused head equals the textbook: dense logits, mask, activation, pooling."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splade_sdk.encoders import head as head_module
from splade_sdk.encoders.head import VocabularyHead, Workspace, max_over_tokens, pool_logits
from tests.unit.encoders.tiny import textbook

WIDTH, VOCABULARY = 24, 1500  # not a multiple of any tile
LENGTHS = {
    "one token": [1],
    "one text": [7],
    "even": [5, 5, 5],
    "uneven": [9, 1, 4, 4],
    "many": [30, 2, 17, 1, 1, 64],
}
lengths_cases = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
pooling_cases = pytest.mark.parametrize("pooling", ["max", "sum"])
activation_cases = pytest.mark.parametrize("activation", ["log1p_relu", "log1p_log1p_relu"])


def random_head(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=dtype)
    return weight, torch.randn(VOCABULARY, generator=generator, dtype=dtype)


def random_tokens(lengths: list[int], dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(lengths))
    return torch.randn(sum(lengths), WIDTH, generator=generator, dtype=dtype) / 3


def sparse_bias(tokens: Tensor, lengths: list[int], weight: Tensor) -> Tensor:
    """Minus the 98th percentile of the largest logits: about 2 % of the terms are active."""
    largest = torch.stack([(text @ weight.T).amax(0) for text in tokens.split(lengths)])
    return -largest.quantile(0.98).expand(weight.shape[0]).contiguous()


def expected_weights(
    tokens: Tensor, lengths: list[int], weight: Tensor, bias: Tensor | None, **how: str
) -> Tensor:
    padded = torch.nn.utils.rnn.pad_sequence(tokens.split(lengths), batch_first=True)
    mask = torch.arange(padded.shape[1]) < torch.tensor(lengths)[:, None]
    logits = padded @ weight.T + (0 if bias is None else bias)
    return textbook(logits, mask, **how)


def dense(entries: tuple[Tensor, Tensor, Tensor], rows: int) -> Tensor:
    out = torch.zeros(rows, VOCABULARY)
    out[entries[0], entries[1]] = entries[2]
    return out


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "_CPU_TILE_ELEMENTS", 64)
    monkeypatch.setattr(head_module, "_MIN_TILE_TERMS", 7)


@lengths_cases
@pooling_cases
@activation_cases
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_pool_logits(lengths, pooling, activation, with_bias, dtype, tolerance) -> None:
    weight, bias = random_head(dtype)
    tokens = random_tokens(lengths, dtype)
    given = bias if with_bias else None
    ours = pool_logits(tokens, lengths, weight, given, pooling=pooling, activation=activation)
    expected = expected_weights(
        tokens, lengths, weight, given, pooling=pooling, activation=activation
    )
    assert ours.dtype == dtype
    assert (ours - expected).abs().max() < tolerance


@lengths_cases
@pooling_cases
@pytest.mark.usefixtures("small_tiles")
def test_pool_logits_in_tiles_smaller_than_a_text(lengths, pooling) -> None:
    weight, bias = random_head()
    tokens = random_tokens(lengths)
    ours = pool_logits(tokens, lengths, weight, bias, pooling=pooling)
    expected = expected_weights(tokens, lengths, weight, bias, pooling=pooling)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-6)  # sums reach 100


@lengths_cases
@pooling_cases
@activation_cases
@pytest.mark.parametrize("tiling", ["default tiles", "small tiles"])
def test_screened_equals_unscreened(lengths, pooling, activation, tiling, request) -> None:
    if tiling == "small tiles":
        request.getfixturevalue("small_tiles")
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    bias = sparse_bias(tokens, lengths, weight)
    screened, plain = (
        VocabularyHead(
            weight, bias, pooling=pooling, activation=activation, screening=screening
        ).active_terms(tokens, lengths, Workspace())
        for screening in (True, False)
    )
    assert torch.equal(screened[0], plain[0])
    assert torch.equal(screened[1], plain[1])
    assert (screened[2] - plain[2]).abs().max() < 1e-5
    expected = expected_weights(
        tokens, lengths, weight, bias, pooling=pooling, activation=activation
    )
    assert 0 < (expected > 0).float().mean() < 0.05
    assert (dense(screened, len(lengths)) - expected).abs().max() < 1e-5


def test_the_screen_is_used_where_few_terms_are_active(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = LENGTHS["uneven"]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    head = VocabularyHead(weight, sparse_bias(tokens, lengths, weight))
    if head._screen is None:
        pytest.skip("this CPU does not sum 8-bit products exactly")

    def refuse(*args: object, **kwargs: object) -> Tensor:
        raise AssertionError("computed the whole vocabulary")

    monkeypatch.setattr(head_module, "pool_logits", refuse)
    assert head.active_terms(tokens, lengths, Workspace())[0].numel() > 0


def test_entries_are_ordered_by_row_then_term_and_positive() -> None:
    lengths = LENGTHS["many"]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    bias = sparse_bias(tokens, lengths, weight)
    rows, terms, weights = VocabularyHead(weight, bias).active_terms(tokens, lengths, Workspace())
    assert (torch.diff(rows * VOCABULARY + terms) > 0).all()
    assert (weights > 0).all()
    assert weights.dtype == torch.float32


@pooling_cases
def test_an_untrained_head_where_every_term_is_active(pooling) -> None:
    lengths = LENGTHS["uneven"]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    bias = torch.full((VOCABULARY,), 50.0)
    entries = VocabularyHead(weight, bias, pooling=pooling).active_terms(
        tokens, lengths, Workspace()
    )
    assert entries[0].numel() == len(lengths) * VOCABULARY
    expected = expected_weights(tokens, lengths, weight, bias, pooling=pooling)
    assert (dense(entries, 4) / expected - 1).abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_compute_everything_and_return_float32(dtype: torch.dtype) -> None:
    lengths = LENGTHS["uneven"]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    bias = sparse_bias(tokens, lengths, weight)
    expected = expected_weights(tokens, lengths, weight, bias)
    entries = VocabularyHead(weight.to(dtype), bias.to(dtype)).active_terms(
        tokens.to(dtype), lengths, Workspace()
    )
    assert entries[2].dtype == torch.float32
    tolerance = 1e-6 if dtype == torch.float64 else 0.05
    assert (dense(entries, 4) - expected).abs().max() < tolerance


@pooling_cases
def test_terms_with_zero_embeddings_have_the_weight_of_their_bias(pooling) -> None:
    lengths = [2, 3]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    bias = sparse_bias(tokens, lengths, weight)
    weight[:4] = 0.0
    bias[:4] = torch.tensor([0.0, 1.5, -1.5, 1e-3])
    entries = VocabularyHead(weight, bias, pooling=pooling).active_terms(
        tokens, lengths, Workspace()
    )
    times = torch.tensor([[1.0], [1.0]]) if pooling == "max" else torch.tensor([[2.0], [3.0]])
    expected = times * torch.log1p(torch.tensor([0.0, 1.5, 0.0, 1e-3]))
    assert (dense(entries, 2)[:, :4] - expected).abs().max() < 1e-6


def test_tokens_of_zeros_have_the_weight_of_the_bias() -> None:
    weight, _ = random_head()
    weight[7] = 0.0
    bias = torch.full((VOCABULARY,), -1.0)
    bias[[3, 7]] = 2.0
    rows, terms, weights = VocabularyHead(weight, bias).active_terms(
        torch.zeros(3, WIDTH), [1, 2], Workspace()
    )
    assert rows.tolist() == [0, 0, 1, 1]
    assert terms.tolist() == [3, 7, 3, 7]
    assert torch.allclose(weights, torch.log1p(torch.tensor(2.0)))


def test_huge_outliers_in_some_tokens() -> None:
    lengths = [6, 6, 3]
    weight, _ = random_head()
    tokens = random_tokens(lengths)
    tokens[2, 5] = 4e4  # one outlier swallows the 8-bit scale of its text
    bias = sparse_bias(tokens, lengths, weight)
    expected = expected_weights(tokens, lengths, weight, bias)
    for screening in (True, False):
        entries = VocabularyHead(weight, bias, screening=screening).active_terms(
            tokens, lengths, Workspace()
        )
        assert (dense(entries, 3) - expected).abs().max() < 1e-5


def test_a_workspace_serves_batches_of_any_size_one_after_the_other() -> None:
    weight, bias = random_head()
    workspace = Workspace()
    for lengths in [*LENGTHS.values(), *reversed(LENGTHS.values())]:
        tokens = random_tokens(lengths)
        ours = pool_logits(tokens, lengths, weight, bias, workspace=workspace)
        assert (ours - expected_weights(tokens, lengths, weight, bias)).abs().max() < 1e-5


@lengths_cases
@pytest.mark.usefixtures("small_tiles")
def test_integer_products_are_exact(lengths) -> None:
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(-63, 64, (sum(lengths), 33), generator=generator, dtype=torch.int8)
    weight = torch.randint(-63, 64, (101, 33), generator=generator, dtype=torch.int8)
    products = tokens.long() @ weight.long().T
    expected = torch.stack([text.amax(0) for text in products.split(lengths)])
    assert torch.equal(max_over_tokens(tokens, lengths, weight, Workspace()).long(), expected)
