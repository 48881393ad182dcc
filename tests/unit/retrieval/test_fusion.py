"""The formulas by hand, and their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_sdk.errors import ConfigError
from splade_sdk.retrieval.search.fusion import DBSF, RRF, Fusion, Ranking, Weighted

SPARSE: Ranking = [("a", 9.0), ("b", 5.0), ("c", 1.0)]
DENSE: Ranking = [("b", 0.9), ("d", 0.5)]
LEGS: dict[str, Ranking] = {"sparse": SPARSE, "dense": DENSE}


def test_rrf_is_the_paper_s() -> None:
    assert RRF().fuse(LEGS) == pytest.approx(
        {
            "a": 1 / (60 + 1),
            "b": 1 / (60 + 2) + 1 / (60 + 1),
            "c": 1 / (60 + 3),
            "d": 1 / (60 + 2),
        }
    )
    assert RRF(k=0).fuse({"sparse": SPARSE}) == {"a": 1.0, "b": 1 / 2, "c": 1 / 3}


def test_a_weight_divides_the_rank() -> None:
    assert RRF(k=2, sparse_weight=0.5, dense_weight=3).fuse(LEGS) == pytest.approx(
        {
            "a": 1 / (2 + 1 / 0.5),
            "b": 1 / (2 + 2 / 0.5) + 1 / (2 + 1 / 3),
            "c": 1 / (2 + 3 / 0.5),
            "d": 1 / (2 + 2 / 3),
        }
    )


def test_dbsf_by_hand() -> None:
    # sparse: mean 5, deviation sqrt((16 + 0 + 16) / 2) = 4: from 5 - 12 = -7 to 17, width 24
    # dense: mean 0.7, deviation sqrt((.04 + .04) / 1) = sqrt(.08)
    deviation = math.sqrt(0.08)
    assert DBSF().fuse(LEGS) == pytest.approx(
        {
            "a": 16 / 24,
            "b": 12 / 24 + (0.2 + 3 * deviation) / (6 * deviation),
            "c": 8 / 24,
            "d": (-0.2 + 3 * deviation) / (6 * deviation),
        }
    )


def test_weighted_by_hand() -> None:
    # sparse: (9, 5, 1) -> (1, 1/2, 0); dense: (0.9, 0.5) -> (1, 0)
    assert Weighted(alpha=0.25).fuse(LEGS) == pytest.approx(
        {"a": 0.75 * 1, "b": 0.75 * 0.5 + 0.25 * 1, "c": 0.0, "d": 0.0}
    )


@pytest.mark.parametrize(
    ("fusion", "one", "equal"), [(DBSF(), 0.5, 0.5), (Weighted(alpha=0.5), 0.5, 0.5)]
)
def test_scores_that_do_not_differ(fusion: Fusion, one: float, equal: float) -> None:
    assert fusion.fuse({"sparse": [("a", 3.0)], "dense": []}) == {"a": one}
    assert fusion.fuse({"sparse": [("a", 3.0), ("b", 3.0)]}) == {"a": equal, "b": equal}


@pytest.mark.parametrize(
    ("fusion", "only"),
    [
        (RRF(dense_weight=0), "abc"),
        (RRF(sparse_weight=0), "bd"),
        (Weighted(alpha=0), "abc"),
        (Weighted(alpha=1), "bd"),
    ],
)
def test_a_weight_of_zero_means_zero(fusion: Fusion, only: str) -> None:
    scores = fusion.fuse(LEGS)
    assert sorted(scores, key=lambda each: -scores[each]) == list(only)


def test_nothing_found_is_nothing_fused() -> None:
    for fusion in (RRF(), DBSF(), Weighted()):
        assert fusion.fuse({}) == fusion.fuse({"sparse": [], "dense": []}) == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: RRF(k=-1),
        lambda: RRF(sparse_weight=-0.1),
        lambda: RRF(dense_weight=math.inf),
        lambda: Weighted(alpha=1.1),
        lambda: Weighted(alpha=math.nan),
        lambda: DBSF(weight=1),
    ],
)
def test_values_out_of_range_are_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


_RANKINGS = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.floats(-1e3, 1e3, width=32)),
    unique_by=lambda item: item[0],
).map(lambda items: sorted(items, key=lambda item: -item[1]))


@given(_RANKINGS, _RANKINGS)
def test_what_is_no_worse_in_any_leg_is_no_worse_fused(sparse: Ranking, dense: Ranking) -> None:
    """Of two ids that both legs found, one ahead in both stays ahead."""
    ranks = [{each: at for at, (each, _) in enumerate(leg)} for leg in (sparse, dense)]
    both = ranks[0].keys() & ranks[1].keys()
    for fusion in (RRF(), RRF(k=2, sparse_weight=3), DBSF(), Weighted(alpha=0.3)):
        scores = fusion.fuse({"sparse": sparse, "dense": dense})
        assert set(scores) == ranks[0].keys() | ranks[1].keys()
        assert all(np.isfinite(score) for score in scores.values())
        for one in both:
            for other in both:
                if ranks[0][one] < ranks[0][other] and ranks[1][one] < ranks[1][other]:
                    assert scores[one] >= scores[other] - 1e-9
