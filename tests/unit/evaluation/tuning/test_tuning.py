"""Tuning: what it computes equals what a search finds, and what it promises holds."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.errors import ConfigError, InvalidInputError
from splade_sdk.evaluation.metrics import ranked
from splade_sdk.evaluation.tuning.cross_validation import Chooser, cross_validate
from splade_sdk.evaluation.tuning.legs import LegRuns
from splade_sdk.evaluation.tuning.scoring import SettingScorer
from splade_sdk.evaluation.tuning.search_space import TuningSpace
from splade_sdk.evaluation.tuning.summary import short
from splade_sdk.evaluation.tuning.tune import tune
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import DBSF, RRF, Weighted
from splade_sdk.retrieval.search.options import SearchSettings
from splade_sdk.types import Document
from tests.unit.fakes import LetterEncoder, WordEncoder

pytest.importorskip("ir_measures")

WORDS = ["heart", "attack", "lung", "oboe", "king", "bread", "sea", "ion", "tea", "aorta"]


def texts(count: int, seed: int, longest: int = 12) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, longest))) for _ in range(count)]


# Few words and letters, so that many scores tie.
DOCUMENTS = [Document(f"d{at:02}", text) for at, text in enumerate(texts(60, 1))]
QUERIES = {f"q{at:02}": text for at, text in enumerate(["", *texts(24, 2, longest=5)])}
QRELS = {
    each: {f"d{(7 * at) % 60:02}": 1, f"d{(11 * at) % 60:02}": 2} for at, each in enumerate(QUERIES)
}


def retriever_of(
    tuned: SearchSettings | None = None, *, dense: bool = True, url: str = ":memory:"
) -> Retriever:
    made = Retriever(
        url,
        encoder=WordEncoder(),
        dense_encoder=LetterEncoder() if dense else None,
        search_settings=tuned,
    )
    made.upsert(DOCUMENTS)
    return made


SETTINGS = st.builds(
    SearchSettings,
    mode=st.sampled_from(["sparse", "dense", "hybrid"]),
    fusion=st.one_of(
        st.builds(
            RRF,
            k=st.integers(0, 100),
            sparse_weight=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
            dense_weight=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
        ),
        st.just(DBSF()),
        st.builds(Weighted, alpha=st.floats(0, 1)),
    ),
    prefetch_limit=st.sampled_from([None, 1, 5, 20]),
    query_max_active_dims=st.sampled_from([None, 1, 2]),
    document_max_active_dims=st.sampled_from([None, 1, 3]),
)


@given(tuned=SETTINGS, limit=st.sampled_from([1, 3, 10]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_computed_is_what_a_search_finds(tuned: SearchSettings, limit: int) -> None:
    with retriever_of() as plain, LegRuns(plain, list(QUERIES.values()), depth=100) as runs:
        scorer = SettingScorer(runs, QRELS, "nDCG@1", limit)
        computed = scorer.rankings(tuned)
        ids = runs.document_ids
    with retriever_of(tuned) as searched:
        for text, leg in zip(QUERIES.values(), computed, strict=True):
            hits = searched.search(text, limit=limit)
            assert [ids[place] for place in leg.documents] == [hit.id for hit in hits]
            assert leg.scores.tolist() == pytest.approx([hit.score for hit in hits], rel=1e-6)


def test_bags_of_words_are_weighed_by_their_idf() -> None:
    with Retriever(":memory:", encoder=Bm25Encoder()) as retriever:
        retriever.upsert(DOCUMENTS)
        asked = list(QUERIES.values())
        with LegRuns(retriever, asked, depth=10) as runs:
            legs = runs.sparse(SearchSettings(mode="sparse"))
        for text, leg in zip(asked, legs, strict=True):
            hits = retriever.search(text, limit=10)
            assert leg.scores.tolist() == pytest.approx([hit.score for hit in hits], rel=1e-5)


def test_postings_are_counted_by_hand() -> None:
    documents = [Document("a", "heart heart lung"), Document("b", "heart"), Document("c", "sea")]
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        retriever.upsert(documents)
        with LegRuns(retriever, ["heart sea", "tea"], depth=10, engine="memory") as runs:
            # heart is in a and b, sea in c, tea nowhere: (2 + 1 + 0) / 2 queries
            assert runs.postings(SearchSettings()) == 3 / 2
            assert runs.bytes_read(SearchSettings()) == 3 / 2 * (4 + 4)
            assert runs.index_bytes(SearchSettings()) is None
            # a keeps its heaviest term only, which is heart.
            assert runs.postings(SearchSettings(document_max_active_dims=1)) == 3 / 2


def test_a_type_of_weights_that_the_engine_ignores_saves_nothing() -> None:
    pytest.importorskip("qdrant_edge")
    with retriever_of() as retriever, LegRuns(retriever, ["heart sea"], depth=10) as runs:
        full, small = SearchSettings(), SearchSettings(datatype="uint8")
        assert runs.bytes_read(small) == runs.bytes_read(full)
        assert runs.sparse(small) is runs.sparse(full)


class TestChoosing:
    """Three queries of each kind; what helps one kind harms the other."""

    SPACE = TuningSpace(
        fusions=(RRF(), Weighted(alpha=0.3)),
        prefetch_limits=(None, 20),
        query_max_active_dims=(None, 8),
        document_max_active_dims=(None, 64),
    )
    START = SearchSettings(mode="hybrid")

    def chooser(self, table: Mapping[str, float], tolerance: float = 0.0) -> Chooser:
        def values(of: SearchSettings) -> np.ndarray:  # type: ignore[type-arg]
            told = short(of)
            return np.full(6, 0.5 + sum(gain for name, gain in table.items() if name in told))

        def cost(of: SearchSettings) -> float:
            return (of.query_max_active_dims or 100) * (of.document_max_active_dims or 100)

        self.values = values
        return Chooser(
            self.SPACE, ["sparse", "dense", "hybrid"], self.START, values, cost, tolerance
        )

    def test_the_best_of_each_axis_is_taken(self) -> None:
        chooser = self.chooser({"Weighted": 0.1, "queries to 8": 0.05, "documents": -0.1})
        assert chooser.choose(np.arange(6)) == SearchSettings(
            mode="hybrid", fusion=Weighted(alpha=0.3), query_max_active_dims=8
        )

    def test_what_is_no_better_is_not_taken(self) -> None:
        assert self.chooser({}).choose(np.arange(6)) == self.START

    def test_one_leg_may_be_the_best(self) -> None:
        assert self.chooser({"dense": 0.1}).choose(np.arange(6)) == SearchSettings(mode="dense")
        chosen = self.chooser({"sparse": 0.1, "20 hits": 0.5}).choose(np.arange(6))
        assert chosen == SearchSettings(mode="sparse")

    def test_a_tolerance_buys_the_cheapest_that_loses_no_more(self) -> None:
        losses = {"queries to 8": -0.008, "documents to 64": -0.004}
        # Both: 0.012 lost. Queries alone, 0.008 lost: 8 * 100. Documents alone: 100 * 64.
        for tolerance, kept in ((0.02, (8, 64)), (0.01, (8, None)), (0.005, (None, 64))):
            chosen = self.chooser(losses, tolerance).choose(np.arange(6))
            assert (chosen.query_max_active_dims, chosen.document_max_active_dims) == kept

    def test_no_query_is_judged_by_a_choice_that_has_seen_it(self) -> None:
        seen: list[set[int]] = []
        chooser = self.chooser({})

        class Noting:
            def choose(self, rows: np.ndarray) -> SearchSettings:  # type: ignore[type-arg]
                seen.append(set(rows.tolist()))
                return chooser.choose(rows)

        found = cross_validate(Noting(), self.values, 6, 3, seed=0)  # type: ignore[arg-type]
        assert len(found.choices) == 3
        assert [len(rows) for rows in seen] == [4, 4, 4]
        unseen = [set(range(6)) - rows for rows in seen]
        assert sorted(row for rows in unseen for row in rows) == [0, 1, 2, 3, 4, 5]
        assert found.values.tolist() == [0.5] * 6


def test_judgements_that_say_nothing_leave_the_defaults() -> None:
    noise = {each: {f"d{(13 * at) % 60:02}": 1} for at, each in enumerate(QUERIES)}
    with retriever_of() as retriever:
        report = tune(retriever, QUERIES, noise, engine="memory")
    assert not report.better
    assert report.recommended == report.default == SearchSettings(mode="hybrid")
    assert "Keep the defaults" in report.verdict
    assert report.queries == 25
    assert report.scored >= 40  # every fusion
    assert report.seconds.total > 0


def test_judgements_that_favour_a_leg_are_followed() -> None:
    with retriever_of() as retriever:
        best = {
            # Equal scores are judged in trec_eval's order, as the metric sees them.
            each: {found: 3 - at for at, (found, _) in enumerate(ranked(hits)[:3])}
            for each, text in QUERIES.items()
            if (
                hits := [
                    (hit.id, hit.score) for hit in retriever.search(text, mode="dense", limit=10)
                ]
            )
        }
        report = tune(retriever, QUERIES, best, engine="memory")
        assert report.better
        assert report.recommended.mode == "dense" or report.recommended.fusion != RRF()
        # Each query's best three are found again, so that the metric is 1 under these settings.
        assert report.points[1].value == pytest.approx(1.0)
        assert report.points[1].settings == report.chosen
        assert "Use the chosen settings" in report.verdict


def test_a_retriever_without_dense_vectors_profits_by_pruning() -> None:
    with retriever_of(dense=False) as retriever:
        space = TuningSpace(query_max_active_dims=(None, 1), document_max_active_dims=(None, 2))
        report = tune(retriever, QUERIES, QRELS, tolerance=1.0, space=space, engine="memory")
    assert report.cheaper
    assert report.recommended.mode == "sparse"
    default, chosen = report.points[:2]
    assert chosen.bytes_read < default.bytes_read
    assert "of the bytes by default" in report.verdict
    told = report.to_dict()
    assert told["recommended"]["mode"] == "sparse"
    assert SearchSettings.model_validate(told["recommended"]) == report.recommended


def test_the_frontier_is_what_nothing_dominates() -> None:
    with retriever_of() as retriever:
        report = tune(retriever, QUERIES, QRELS, tolerance=0.05)
    for point in report.points:
        better = [
            other
            for other in report.points
            if other.value >= point.value
            and other.bytes_read <= point.bytes_read
            and (other.index_bytes or 0) <= (point.index_bytes or 0)
            and (other.value, other.bytes_read, other.index_bytes)
            != (point.value, point.bytes_read, point.index_bytes)
        ]
        assert point.frontier == (not better)


def test_what_cannot_be_is_refused() -> None:
    with retriever_of() as retriever:
        with pytest.raises(ConfigError, match="looks at 100 hits"):
            tune(retriever, QUERIES, QRELS, metric="nDCG@100")
        with pytest.raises(ConfigError, match="25 judged queries for 26 folds"):
            tune(retriever, QUERIES, QRELS, folds=26)
        with pytest.raises(ConfigError, match="folds is 1"):
            tune(retriever, QUERIES, QRELS, folds=1)
        with pytest.raises(ConfigError, match="tolerance is -1"):
            tune(retriever, QUERIES, QRELS, tolerance=-1)
        with pytest.raises(ConfigError, match="limit is 0"):
            tune(retriever, QUERIES, QRELS, limit=0)
        with pytest.raises(ConfigError, match="no text of the judged query 'q00'"):
            tune(retriever, {}, QRELS)
        retriever.delete([document.id for document in DOCUMENTS])
        with pytest.raises(InvalidInputError, match="no documents"):
            tune(retriever, QUERIES, QRELS)


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (SearchSettings(), "RRF k=60"),
        (SearchSettings(mode="hybrid", fusion=RRF(dense_weight=2)), "hybrid, RRF k=60 weights 1:2"),
        (SearchSettings(mode="dense", query_max_active_dims=3), "dense"),
        (
            SearchSettings(
                mode="hybrid",
                fusion=Weighted(alpha=0.3),
                prefetch_limit=20,
                document_max_active_dims=64,
                datatype="uint8",
            ),
            "hybrid, Weighted alpha=0.3, 20 hits a leg, documents to 64 terms, uint8",
        ),
        (
            SearchSettings(mode="sparse", fusion=DBSF(), query_max_active_dims=8),
            "sparse, queries to 8 terms",
        ),
    ],
)
def test_settings_in_a_few_words(of: SearchSettings, told: str) -> None:
    assert short(of) == told
