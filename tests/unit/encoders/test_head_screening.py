"""The screen may keep too many terms, but never rules out one whose weight is above zero."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from splade_sdk.encoders.head import Screen, VocabularyHead, Workspace, largest_code

pytestmark = pytest.mark.skipif(
    largest_code() is None, reason="this CPU does not sum 8-bit products exactly"
)
CODES = [code for code in (63, 127) if code <= (largest_code() or 0)]


def exact_logits(tokens: Tensor, lengths: list[int], weight: Tensor, bias: Tensor) -> Tensor:
    products = tokens.double() @ weight.double().T
    return torch.stack([text.amax(0) for text in products.split(lengths)]) + bias.double()


def kept(
    tokens: Tensor, lengths: list[int], weight: Tensor, bias: Tensor | None, code: int
) -> Tensor:
    rows, terms = Screen(weight, bias, code=code).candidates(tokens, lengths, Workspace())
    mask = torch.zeros(len(lengths), weight.shape[0], dtype=torch.bool)
    mask[rows, terms] = True
    return mask


def values(kind: str, shape: tuple[int, int], code: int, generator: torch.Generator) -> Tensor:
    """Numbers that are kind to no rounding."""
    normal = torch.randn(shape, generator=generator)
    if kind == "normal":
        return normal
    if kind == "outliers":
        return normal * torch.where(torch.rand(shape, generator=generator) < 0.05, 300.0, 1.0)
    if kind == "boundaries":  # exactly between two codes of a row whose largest value is 1
        codes = torch.randint(-code, code, shape, generator=generator) + 0.5
        codes[:, 0] = code
        return codes / code
    if kind == "equal":
        return torch.ones(shape)
    return normal * (torch.rand(shape, generator=generator) < 0.2)  # mostly zeros


KINDS = st.sampled_from(["normal", "outliers", "boundaries", "equal", "zeros"])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    code=st.sampled_from(CODES),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    width=st.sampled_from([2, 3, 8, 33, 64, 128, 384]),
    token_kind=KINDS,
    weight_kind=KINDS,
    token_scale=st.integers(-6, 6),
    weight_scale=st.integers(-6, 6),
    margin=st.sampled_from([0.0, 1e-7, 1e-6, 1e-5, 1e-3, 0.1]),
)
def test_never_rules_out_an_active_term(
    seed, code, lengths, width, token_kind, weight_kind, token_scale, weight_scale, margin
) -> None:
    generator = torch.Generator().manual_seed(seed)
    tokens = values(token_kind, (sum(lengths), width), code, generator) * 10.0**token_scale
    weight = values(weight_kind, (50, width), code, generator) * 10.0**weight_scale
    # Minus the largest product over all texts, give or take: active by a hair, or not quite.
    largest = exact_logits(tokens, lengths, weight, torch.zeros(50)).amax(0)
    sign = torch.randint(0, 2, (50,), generator=generator) * 2 - 1
    bias = (-largest * (1 + sign * margin)).float()
    for given_bias in (bias, None):
        shift = torch.zeros(50) if given_bias is None else given_bias
        active = exact_logits(tokens, lengths, weight, shift) > 0
        assert (kept(tokens, lengths, weight, given_bias, code) | ~active).all()


# Codes half as fine have errors twice as large.
@pytest.mark.parametrize(("code", "times"), [(code, {127: 3, 63: 6}[code]) for code in CODES])
def test_rules_out_nearly_all_of_what_is_not_active(code: int, times: int) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(200, 128, generator=generator)
    weight = torch.randn(5000, 128, generator=generator)
    lengths = [50, 100, 30, 20]
    logits = exact_logits(tokens, lengths, weight, torch.zeros(5000))
    bias = torch.full((5000,), -float(logits.quantile(0.99)))
    active = int((logits + bias > 0).sum())
    candidates = int(kept(tokens, lengths, weight, bias, code).sum())
    assert active == 200  # 1 % of 4 x 5,000
    assert active <= candidates < times * active


@pytest.mark.parametrize("code", CODES)
def test_rows_of_zeros_are_kept_by_their_bias_alone(code: int) -> None:
    weight = torch.zeros(3, 16)
    bias = torch.tensor([-2.0, 0.5, -1e-6])
    for tokens in (torch.zeros(2, 16), torch.full((2, 16), 1e3)):
        assert kept(tokens, [2], weight, bias, code).tolist() == [[False, True, False]]


@pytest.mark.parametrize("code", CODES)
def test_a_bias_that_switches_terms_off_for_good(code: int) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens, weight = (torch.randn(rows, 64, generator=generator) for rows in (5, 40))
    assert not kept(tokens, [2, 3], weight, torch.full((40,), -1e4), code).any()


def test_the_code_is_one_whose_products_are_summed_exactly() -> None:
    assert largest_code() in (63, 127)


def _refuses(*_: object, **__: object) -> None:
    raise RuntimeError("not on this CPU")


@pytest.mark.parametrize("product", [None, _refuses], ids=["missing", "refused"])
def test_without_the_integer_product_every_term_is_computed(
    monkeypatch: pytest.MonkeyPatch, product: Callable[..., None] | None
) -> None:
    generator = torch.Generator().manual_seed(3)
    weight, bias = torch.randn(300, 16, generator=generator), torch.randn(300, generator=generator)
    tokens, lengths = torch.randn(9, 16, generator=generator), [4, 5]
    wanted = VocabularyHead(weight, bias, screening=False).active_terms(
        tokens, lengths, Workspace()
    )
    if product is None:
        monkeypatch.delattr(torch, "_int_mm")
    else:
        monkeypatch.setattr(torch, "_int_mm", product)
    largest_code.cache_clear()
    try:
        assert largest_code() is None
        made = VocabularyHead(weight, bias).active_terms(tokens, lengths, Workspace())
    finally:
        largest_code.cache_clear()
    assert all(torch.equal(one, other) for one, other in zip(made, wanted, strict=True))
