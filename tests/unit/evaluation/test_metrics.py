import sys
from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_sdk.errors import ConfigError, MissingDependencyError
from splade_sdk.evaluation.metrics import mean_metrics, query_metrics, require_metrics

QRELS = {"q1": {"a": 2, "b": 1, "z": 0}, "q2": {"c": 1}, "q3": {"d": 1}}
RUN = {"q1": [("z", 3.0), ("a", 2.0), ("b", 1.0)], "q2": [("x", 5.0), ("c", 4.0)], "q3": []}


def test_values_are_the_formulas() -> None:
    values = query_metrics(QRELS, RUN, ["nDCG@10", "RR@10", "R@1", "P@2"])
    # Gains 0, 2, 1 at ranks 1, 2, 3, over the ideal 2, 1.
    ideal = 2 / log2(1 + 1) + 1 / log2(1 + 2)
    ndcg = (2 / log2(1 + 2) + 1 / log2(1 + 3)) / ideal
    assert values["q1"] == {"nDCG@10": pytest.approx(ndcg), "RR@10": 1 / 2, "R@1": 0, "P@2": 1 / 2}
    assert values["q2"]["nDCG@10"] == pytest.approx((1 / log2(1 + 2)) / (1 / log2(1 + 1)))


@pytest.mark.parametrize("run", [RUN, {key: RUN[key] for key in ("q1", "q2")}])
def test_a_query_without_hits_counts_as_zero(run: dict[str, list[tuple[str, float]]]) -> None:
    values = query_metrics(QRELS, run, ["RR@10"])
    assert values["q3"] == {"RR@10": 0.0}
    assert mean_metrics(values) == {"RR@10": pytest.approx((1 / 2 + 1 / 2 + 0) / 3)}


def test_queries_that_nobody_judged_are_left_out() -> None:
    assert set(query_metrics({"q2": QRELS["q2"]}, RUN, ["RR@10"])) == {"q2"}


def test_ties_are_ordered_by_document_id_whatever_order_they_come_in() -> None:
    hits = [("b", 1.0), ("c", 1.0), ("a", 1.0)]
    for order in (hits, hits[::-1]):
        assert query_metrics({"q": {"b": 1}}, {"q": order}, ["RR@10"])["q"]["RR@10"] == 1 / 2


DOCUMENTS = [f"d{at}" for at in range(8)]
NAMES = {
    "nDCG@3": "ndcg_cut_3",
    "nDCG": "ndcg",
    "AP": "map",
    "RR": "recip_rank",
    "P@5": "P_5",
    "R@5": "recall_5",
    "Success@1": "success_1",
}


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["q1", "q2", "q3"]),
        st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1),
        min_size=1,
    ),
    st.dictionaries(
        st.sampled_from(["q1", "q2", "q3"]),
        st.dictionaries(st.sampled_from(DOCUMENTS), st.sampled_from([0.5, 1.0, 1.5])),
    ),
)
def test_values_are_trec_evals_on_any_run_with_ties(
    qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]
) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(NAMES.values()))
    expected = evaluator.evaluate({query: hits for query, hits in run.items() if hits})
    found = {query: list(hits.items()) for query, hits in run.items()}
    values = query_metrics(qrels, found, list(NAMES))
    assert values.keys() == qrels.keys()
    for query, by_name in values.items():
        for name, value in by_name.items():
            assert value == pytest.approx(expected.get(query, {}).get(NAMES[name], 0.0)), name


@pytest.mark.parametrize("name", ["nonsense", "nDCG@x", "nDCG@0", "nDCG(foo=1)@10", "R", "", "a b"])
def test_unknown_metrics_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        require_metrics(["nDCG@10", name], limit=100)


@pytest.mark.parametrize("names", ["nDCG@10", [], ()])
def test_metrics_must_be_a_list_of_names(names: object) -> None:
    with pytest.raises(ConfigError, match="list of names"):
        require_metrics(names, limit=100)  # type: ignore[arg-type]


def test_a_metric_may_not_look_deeper_than_the_search() -> None:
    require_metrics(["R@100", "AP"], limit=100)
    with pytest.raises(ConfigError, match="R@1000 looks at 1000 hits, but limit is 100"):
        require_metrics(["R@1000"], limit=100)


def test_the_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(MissingDependencyError, match=r"splade-sdk\[eval\]"):
        require_metrics(["nDCG@10"], limit=100)
