"""Reports made by hand, for what compares and shows them."""

from __future__ import annotations

from splade_sdk.evaluation.comparison import Comparison, compare
from splade_sdk.evaluation.report import EvaluationReport, RunReport, Seconds, SideReport

EVIL = (
    "<script>document.title = 'evil'</script>"
    "<img src='file:///nowhere.png' onerror=\"document.title = 'evil'\">"
)


def run_report(name: str, values: dict[str, float], metric: str = "nDCG@10") -> RunReport:
    return RunReport(
        name=name,
        dataset="tiny",
        split="test",
        limit=100,
        metrics={metric: sum(values.values()) / len(values)},
        per_query={query_id: {metric: value} for query_id, value in values.items()},
    )


def report(name: str, values: dict[str, float], flops: float = 2.0) -> EvaluationReport:
    run = run_report(name, values)
    return EvaluationReport(
        name=name,
        dataset=run.dataset,
        split=run.split,
        limit=run.limit,
        metrics=run.metrics,
        per_query=run.per_query,
        model=f"model {name}",
        mode="sparse",
        engine="embedded",
        queries=SideReport(len(values), 0, 5.0, 0.5, {4: 1, 6: 1}),
        documents=SideReport(10, 1, 60.5, 2.0, {0: 1, 50: 4, 70: 5}),
        flops=flops,
        relevant_missing=0,
        index_bytes=1_500_000,
        search_p50_ms=0.5,
        search_p95_ms=1.25,
        seconds=Seconds(encode=9.0, index=0.5, search=0.25, metrics=0.125, other=0.125),
    )


def comparison(evil: str = "b") -> Comparison:
    """Three systems, two of them measured; ``evil`` is a system's name and a query's text."""
    baseline = {"q1": 0.5, "q2": 0.25, "q3": 1.0}
    return compare(
        [
            report("a", baseline),
            report(evil, {"q1": 1.0, "q2": 0.25, "q3": 0.0}, flops=7.5),
            run_report("run", baseline),
        ],
        queries={"q1": "heart", "q2": "attack", "q3": evil},
    )
