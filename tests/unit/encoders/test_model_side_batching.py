"""Batches hold every text once and stay within their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_sdk.encoders.model_side import plan_batches
from splade_sdk.errors import ConfigError


@given(
    lengths=st.lists(st.integers(0, 200), max_size=60),
    max_tokens=st.integers(1, 500),
    max_rows=st.none() | st.integers(1, 10),
)
def test_every_text_once_within_the_bounds(lengths, max_tokens, max_rows) -> None:
    batches = plan_batches(lengths, max_tokens=max_tokens, max_rows=max_rows)
    assert sorted(at for batch in batches for at in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[at] for at in batch)
        assert len(batch) * longest <= max_tokens or len(batch) == 1
        assert max_rows is None or len(batch) <= max_rows
    in_order = [lengths[at] for batch in batches for at in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_a_batch_by_hand() -> None:
    # 2 x 4 = 8 tokens; then 3 + 2 padded to 2 x 3 = 6, and a third would make 9.
    batches = plan_batches([4, 1, 3, 4, 2], max_tokens=8)
    assert [batch.tolist() for batch in batches] == [[0, 3], [2, 4], [1]]


def test_equal_lengths_keep_their_order() -> None:
    batches = plan_batches([5] * 7, max_tokens=10_000)
    assert np.concatenate(batches).tolist() == list(range(7))


def test_a_text_longer_than_the_bound_is_alone() -> None:
    assert [batch.tolist() for batch in plan_batches([2, 50, 2], max_tokens=10)] == [[1], [0, 2]]


def test_nothing_to_do() -> None:
    assert plan_batches([], max_tokens=10) == []


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"max_tokens": 8, "max_rows": 0}, "batch_size is 0"),
        ({"max_tokens": 8, "max_rows": -1}, "batch_size is -1: expected at least 1"),
    ],
)
def test_bounds_below_one(bounds: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_batches([1, 2], **bounds)
