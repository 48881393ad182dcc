"""Batches that do not fit are halved, and entries are put back in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splade_sdk import SpladeEncoder
from splade_sdk.encoders.bert import Bert
from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.errors import ModelError
from tests.unit.encoders.tiny import TEXTS

MESSAGES = [
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to",
]
LimitRows = Callable[[int, str], list[int]]


@pytest.fixture
def limit_rows(monkeypatch: pytest.MonkeyPatch) -> LimitRows:
    """Make the model fail above a number of rows; return the rows of each call."""

    def limit(rows: int, message: str) -> list[int]:
        seen: list[int] = []
        forward = Bert.forward

        def limited(
            self: Bert, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
        ) -> torch.Tensor:
            seen.append(input_ids.shape[0])
            if input_ids.shape[0] > rows:
                raise RuntimeError(message)
            return forward(self, input_ids, attention_mask)

        monkeypatch.setattr(Bert, "forward", limited)
        return seen

    return limit


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_out_of_memory_halves_the_batch(
    encoder: SpladeEncoder, limit_rows: LimitRows, rows: int, message: str
) -> None:
    expected = encoder.encode(TEXTS)
    seen = limit_rows(rows, message)
    ours = encoder.encode(TEXTS)
    assert (ours.to_scipy() != 0).sum() == (expected.to_scipy() != 0).sum()
    assert abs(ours.to_scipy() - expected.to_scipy()).max() < 1e-5
    assert seen[:2] == [8, 4]  # the eight texts, then half of them
    assert sum(count for count in seen if count <= rows) == len(TEXTS)


def test_one_text_that_does_not_fit(encoder: SpladeEncoder, limit_rows: LimitRows) -> None:
    limit_rows(0, MESSAGES[0])
    with pytest.raises(
        ModelError, match="single text of 3 tokens on cpu: lower max_length"
    ) as info:
        encoder.encode("x")
    assert isinstance(info.value.__cause__, RuntimeError)


def test_other_errors_pass_through(encoder: SpladeEncoder, limit_rows: LimitRows) -> None:
    seen = limit_rows(0, "shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        encoder.encode(TEXTS)
    assert len(seen) == 1


def test_it_recovers_after_an_error(
    encoder: SpladeEncoder, limit_rows: LimitRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Bert, "forward", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            encoder.encode(TEXTS)
    assert len(encoder.encode(TEXTS)) == len(TEXTS)  # the lock was given back


@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_windows_keep_the_largest_weight_of_each_term(bert_folder: Path, pooling) -> None:
    settings = {"device": "cpu", "max_length": 16, "pooling": pooling}
    whole = SpladeEncoder(bert_folder, long_documents="windows", window_overlap=4, **settings)
    side = whole._document
    assert isinstance(side, ModelSide)
    for text in [TEXTS[5], TEXTS[3], TEXTS[0], "x"]:
        pieces = side.text_tokenizer.pieces([text]).ids
        by_hand = torch.stack([pooled_alone(side, ids) for ids in pieces]).amax(0)
        ours = torch.from_numpy(whole.encode(text).to_dense())
        torch.testing.assert_close(ours, by_hand, atol=1e-5, rtol=1e-6)
    assert len(side.text_tokenizer.pieces([TEXTS[5]]).ids) > 2


def pooled_alone(side: ModelSide, ids: list[int]) -> torch.Tensor:
    from splade_sdk.encoders.head import pool_logits

    with torch.inference_mode():
        tokens = side.masked_lm(torch.tensor([ids]))[0]
        return pool_logits(
            tokens,
            [len(ids)],
            side.masked_lm.weight,
            side.masked_lm.bias,
            pooling=side.head.pooling,
        )[0]
