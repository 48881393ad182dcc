from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splade_sdk.datasets.beir import load_dataset
from splade_sdk.errors import InvalidDataError
from splade_sdk.evaluation.runner import evaluate_run
from splade_sdk.evaluation.trec import read_qrels, read_run, write_qrels, write_run

IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1).filter(
    lambda each: each.split() == [each]
)
SCORES = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=5), max_size=4),
    st.dictionaries(IDS, st.dictionaries(IDS, st.integers(-2, 9), min_size=1), max_size=4),
)
def test_what_is_written_is_read(
    tmp_path: Path, found: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]]
) -> None:
    run = {
        query: sorted(hits.items(), key=lambda hit: (hit[1], hit[0]), reverse=True)
        for query, hits in found.items()
    }
    write_run(tmp_path / "run", run)
    assert read_run(tmp_path / "run") == run
    write_qrels(tmp_path / "qrels", qrels)
    assert read_qrels(tmp_path / "qrels") == qrels


def test_lines_are_those_of_trec(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"q1": [("d2", 2.5), ("d1", 1.0)]}, tag="mine")
    assert (tmp_path / "run").read_text() == "q1 Q0 d2 1 2.5 mine\nq1 Q0 d1 2 1.0 mine\n"
    write_qrels(tmp_path / "qrels", {"q1": {"d1": 2}})
    assert (tmp_path / "qrels").read_text() == "q1 0 d1 2\n"


def test_ir_measures_reads_the_same(tmp_path: Path) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    write_run(tmp_path / "run", {"q1": [("d2", 0.1 + 0.2), ("d1", 1e-12)]})
    write_qrels(tmp_path / "qrels", {"q1": {"d1": 2}})
    read = list(ir_measures.read_trec_run(str(tmp_path / "run")))
    assert [(each.doc_id, each.score) for each in read] == [("d2", 0.1 + 0.2), ("d1", 1e-12)]
    (judged,) = ir_measures.read_trec_qrels(str(tmp_path / "qrels"))
    assert (judged.query_id, judged.doc_id, judged.relevance) == ("q1", "d1", 2)


def test_the_order_is_that_of_scores_then_ids_not_of_ranks(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("q Q0 c 1 1.0 t\n\nq\tQ0  b 2 2 t\nq Q0 a 3 1e0 t\n")
    assert read_run(tmp_path / "run") == {"q": [("b", 2.0), ("c", 1.0), ("a", 1.0)]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 d 1 2.0", "line 2: 5 fields, expected query, Q0, document, rank, score, tag"),
        ("q Q0 d 1 high t", "line 2, field 'score': 'high' is not a number"),
        ("q Q0 d 1 nan t", "line 2, field 'score': nan is not finite"),
        ("q Q0 d1 2 1.0 t", "line 2: query 'q' has document 'd1' twice"),
    ],
)
def test_a_bad_line_of_a_run_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "run").write_text(f"q Q0 d1 1 3.0 t\n{line}\n")
    with pytest.raises(InvalidDataError, match=message):
        read_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q d 1", r"line 1: 1 fields, .* TREC's query, 0, document, relevance"),
        ("q 0 d high", "line 1, field 'score': 'high' is not a whole number"),
    ],
)
def test_a_bad_line_of_judgements_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "qrels").write_text(f"{line}\n")
    with pytest.raises(InvalidDataError, match=message):
        read_qrels(tmp_path / "qrels")


def test_metrics_break_ties_as_trec_eval_does(tmp_path: Path) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    folder = tmp_path / "tied"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n')
    (folder / "qrels" / "test.tsv").write_text("q\ta\t2\nq\tb\t1\n")
    (folder / "run").write_text("q Q0 a 1 1.0 t\nq Q0 b 2 1.0 t\nq Q0 c 3 0.5 t\n")
    dataset = load_dataset(folder, needs_corpus=False)
    report = evaluate_run(read_run(folder / "run"), dataset, name="t", metrics=["nDCG@10"])
    (expected,) = ir_measures.iter_calc(
        [ir_measures.nDCG @ 10],
        dataset.qrels,
        ir_measures.read_trec_run(str(folder / "run")),
    )
    assert report.metrics["nDCG@10"] == pytest.approx(expected.value)
    assert report.metrics["nDCG@10"] < 1  # b, the greater id, comes first


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="none: cannot be read"):
        read_run(tmp_path / "none")


@pytest.mark.parametrize("bad", ["two words", "", " padded", "line\nfeed"])
def test_ids_that_the_format_cannot_hold_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InvalidDataError, match="use other ids"):
        write_run(tmp_path / "run", {"q": [(bad, 1.0)]})
    with pytest.raises(InvalidDataError, match="use other ids"):
        write_qrels(tmp_path / "qrels", {bad: {"d": 1}})
