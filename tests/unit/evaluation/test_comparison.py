from __future__ import annotations

import csv
import io
import json

import pytest

from splade_sdk.errors import ConfigError
from splade_sdk.evaluation.comparison import columns, compare, queries_csv, systems_csv
from splade_sdk.evaluation.significance import holm
from tests.unit.evaluation.reports import comparison, report, run_report


def test_all_are_compared_with_the_first() -> None:
    made = comparison()
    assert made.baseline.name == "a"
    first, second = made.differences
    # (0.5 + 0 - 1) / 3
    assert (first.system, first.test.mean) == ("b", pytest.approx(-1 / 6))
    assert (first.test.wins, first.test.ties, first.test.losses) == (1, 1, 1)
    assert (second.system, second.test.mean, second.p_corrected) == ("run", 0.0, 1.0)
    corrected = holm([each.test.p for each in made.differences])
    assert [each.p_corrected for each in made.differences] == corrected


def test_significant_is_what_stays_below_a_twentieth_after_correction() -> None:
    queries = [f"q{at}" for at in range(30)]
    baseline = report("a", dict.fromkeys(queries, 0.5))
    better = report("b", {each: 0.6 + 0.01 * (at % 3) for at, each in enumerate(queries)})
    (difference,) = compare([baseline, better]).differences
    assert difference.is_significant
    (difference,) = compare([baseline, report("c", dict.fromkeys(queries, 0.5))]).differences
    assert not difference.is_significant


def test_queries_come_by_gain() -> None:
    changes = comparison().changes("b", "nDCG@10")
    assert [(each.query_id, each.text, each.change) for each in changes] == [
        ("q1", "heart", 0.5),
        ("q2", "attack", 0.0),
        ("q3", "b", -1.0),
    ]


@pytest.mark.parametrize(("system", "metric"), [("nobody", "nDCG@10"), ("b", "AP")])
def test_an_unknown_system_or_metric_is_refused(system: str, metric: str) -> None:
    with pytest.raises(ConfigError, match="systems are 'a', 'b', 'run', metrics are nDCG@10"):
        comparison().changes(system, metric)


def test_one_system_is_compared_with_none() -> None:
    assert compare([run_report("a", {"q": 1.0})]).differences == ()


def test_what_cannot_be_compared_is_refused() -> None:
    one = run_report("a", {"q1": 1.0})
    with pytest.raises(ConfigError, match="expected at least one"):
        compare([])
    with pytest.raises(ConfigError, match="expected different names"):
        compare([one, one])
    with pytest.raises(ConfigError, match="'b' was evaluated on 2 queries"):
        compare([one, run_report("b", {"q1": 1.0, "q2": 1.0})])
    with pytest.raises(ConfigError, match=r"by \['AP'\]"):
        compare([one, run_report("b", {"q1": 1.0}, metric="AP")])


def test_values_are_json() -> None:
    read = json.loads(json.dumps(comparison().to_dict()))
    assert [each["name"] for each in read["systems"]] == ["a", "b", "run"]
    assert "run" not in read["systems"][0]
    assert read["differences"][0]["test"]["wins"] == 1


def test_columns_leave_out_what_is_not_known_of_any() -> None:
    assert [each.key for each in columns(comparison())] == [
        "nDCG@10",
        "query_active_dims",
        "document_active_dims",
        "flops",
        "index_mb",
        "queries_per_s",
        "documents_per_s",
        "search_p50_ms",
        "search_p95_ms",
    ]
    alone = compare([run_report("run", {"q": 1.0})])
    assert [each.key for each in columns(alone)] == ["nDCG@10"]


def test_a_line_for_each_system() -> None:
    first, second, third = csv.DictReader(io.StringIO(systems_csv(comparison("b,\n"))))
    assert (first["system"], second["system"], third["system"]) == ("a", "b,\n", "run")
    assert (first["flops"], first["index_mb"], first["documents_per_s"]) == ("2.0", "1.5", "5.0")
    assert float(second["nDCG@10"]) == 1.25 / 3
    assert third["flops"] == ""


def test_a_line_for_each_query_and_system() -> None:
    rows = list(csv.DictReader(io.StringIO(queries_csv(comparison()))))
    assert len(rows) == 9
    assert rows[1] == {"query_id": "q1", "query": "heart", "system": "b", "nDCG@10": "1.0"}
