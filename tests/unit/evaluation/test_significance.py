from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from splade_sdk.evaluation.significance import holm, paired_test


def values(count: int, seed: int) -> list[float]:
    return np.random.default_rng(seed).random(count).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_is_that_of_the_paired_t_test(seed: int) -> None:
    ours, theirs = values(40, seed), values(40, seed + 100)
    test = paired_test(ours, theirs)
    assert test.p == pytest.approx(ttest_rel(ours, theirs).pvalue)
    assert test.mean == pytest.approx(np.mean(ours) - np.mean(theirs))


def test_wins_and_losses_are_counted_and_rounding_is_a_tie() -> None:
    test = paired_test([0.5, 0.1 + 0.2, 0.0, 1.0], [0.25, 0.3, 0.5, 0.5])
    assert (test.wins, test.ties, test.losses) == (2, 1, 1)
    # (0.25 + 0 - 0.5 + 0.5) / 4
    assert test.mean == pytest.approx(0.0625)


def test_the_interval_is_that_of_the_mean() -> None:
    draw = np.random.default_rng(0)
    differences = draw.normal(0.1, 0.5, size=400)
    test = paired_test(differences, np.zeros(400))  # type: ignore[arg-type]
    # A mean of 400 values is nearly normal: 1.96 standard errors on either side.
    error = 1.96 * differences.std(ddof=1) / 20
    assert test.low == pytest.approx(test.mean - error, abs=0.1 * error)
    assert test.high == pytest.approx(test.mean + error, abs=0.1 * error)
    assert test == paired_test(differences, np.zeros(400))  # type: ignore[arg-type]


def test_under_no_difference_one_test_in_twenty_is_below_a_twentieth() -> None:
    below = sum(
        (paired_test(values(20, seed), values(20, seed + 5000)).p or 0) < 0.05
        for seed in range(200)
    )
    # Binomial with 200 draws of 0.05: 10 expected, more than 20 comes about once in a thousand.
    assert below <= 20


def test_equal_systems_do_not_differ() -> None:
    test = paired_test([0.1, 0.2], [0.1, 0.2])
    assert (test.mean, test.low, test.high, test.p) == (0.0, 0.0, 0.0, 1.0)


def test_the_same_difference_everywhere_is_no_chance() -> None:
    assert paired_test([0.5, 0.7], [0.25, 0.45]).p == 0.0


def test_one_query_says_nothing() -> None:
    assert paired_test([0.5], [0.25]).p is None


def test_holm_multiplies_the_smallest_by_their_number() -> None:
    # 0.01 * 4, 0.02 * 3, max(0.02 * 3, 0.021 * 2), 0.5 * 1
    assert holm([0.5, 0.01, 0.021, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, None, 0.8]) == [1.0, None, 1.0]
    assert holm([]) == []
