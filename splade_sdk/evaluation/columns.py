"""The table of systems: effectiveness beside cost, the same columns wherever it is shown; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from splade_sdk.evaluation.comparison import Comparison
from splade_sdk.evaluation.report import EvaluationReport, RunReport

__all__ = ["Column", "columns", "queries_csv", "systems_csv"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Name in files.
        title: Name for readers, with its unit.
        digits: Digits after the point for readers.
        value: Takes the value from a report; None where it is not known.
    """

    key: str
    title: str
    digits: int
    value: Callable[[RunReport], float | None]

    def told(self, report: RunReport) -> str:
        """Return the value for readers; empty where it is not known."""
        value = self.value(report)
        return "" if value is None else f"{value:,.{self.digits}f}"


def columns(comparison: Comparison) -> list[Column]:
    """Return the metrics and those costs that are known of any system."""
    metrics = [_metric(name) for name in comparison.metrics]
    known = [
        each
        for each in _COSTS
        if any(each.value(report) is not None for report in comparison.reports)
    ]
    return [*metrics, *known]


def systems_csv(comparison: Comparison) -> str:
    """Return a line for each system: its name, dataset, metrics and costs."""
    shown = columns(comparison)
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["system", "dataset", "split", *(column.key for column in shown)])
    for report in comparison.reports:
        values = (column.value(report) for column in shown)
        told = ("" if value is None else repr(value) for value in values)
        out.writerow([report.name, report.dataset, report.split, *told])
    return file.getvalue()


def queries_csv(comparison: Comparison) -> str:
    """Return a line for each query and system: all metrics."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["query_id", "query", "system", *comparison.metrics])
    for query_id in comparison.baseline.per_query:
        text = comparison.queries.get(query_id, "")
        for report in comparison.reports:
            values = report.per_query[query_id]
            told = (repr(values[name]) for name in comparison.metrics)
            out.writerow([query_id, text, report.name, *told])
    return file.getvalue()


def _metric(name: str) -> Column:
    return Column(name, name, 4, lambda report: report.metrics[name])


def _cost(value: Callable[[EvaluationReport], float | None]) -> Callable[[RunReport], float | None]:
    return lambda report: value(report) if isinstance(report, EvaluationReport) else None


_COSTS = (
    Column("query_active_dims", "terms a query", 1, _cost(lambda r: r.queries.active_dims)),
    Column(
        "document_active_dims",
        "terms a document",
        1,
        _cost(lambda r: r.documents.active_dims if r.documents else None),
    ),
    Column("flops", "FLOPS", 2, _cost(lambda r: r.flops)),
    Column("index_mb", "index, MB", 1, _cost(lambda r: r.index_bytes and r.index_bytes / 1e6)),
    Column("queries_per_s", "queries/s, encoding", 0, _cost(lambda r: r.queries.texts_per_s)),
    Column(
        "documents_per_s",
        "documents/s, encoding",
        0,
        _cost(lambda r: r.documents.texts_per_s if r.documents else None),
    ),
    Column("search_p50_ms", "search, median ms", 2, _cost(lambda r: r.search_p50_ms)),
    Column("search_p95_ms", "search, 95 % ms", 2, _cost(lambda r: r.search_p95_ms)),
)
