"""Several systems on one dataset, side by side, and the table that shows them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from splade_sdk.errors import ConfigError
from splade_sdk.evaluation.report import EvaluationReport, RunReport
from splade_sdk.evaluation.significance import PairedTest, holm, paired_test

__all__ = [
    "Column",
    "Comparison",
    "Difference",
    "QueryChange",
    "columns",
    "compare",
    "queries_csv",
    "systems_csv",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """A system against the baseline, by one metric.

    Attributes:
        system: Its name.
        metric: Name of the metric.
        test: The difference, system minus baseline.
        p_corrected: The p-value corrected for all comparisons made here (see ``holm``).
    """

    system: str
    metric: str
    test: PairedTest
    p_corrected: float | None

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p-value is below 0.05."""
        return self.p_corrected is not None and self.p_corrected < 0.05


@dataclass(frozen=True, slots=True)
class QueryChange:
    """One query that a system answers better or worse than the baseline.

    Attributes:
        query_id: Id of the query.
        text: Its text; empty where it is not known.
        baseline: Value of the baseline.
        value: Value of the system.
    """

    query_id: str
    text: str
    baseline: float
    value: float

    @property
    def change(self) -> float:
        """Value minus baseline."""
        return self.value - self.baseline


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several systems on one dataset; the first is the baseline of the others.

    Attributes:
        reports: One for each system.
        differences: Every other system against the first, by every metric.
        queries: Texts of the queries, by id.
    """

    reports: tuple[RunReport, ...]
    differences: tuple[Difference, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def baseline(self) -> RunReport:
        """What the others are compared with."""
        return self.reports[0]

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(self.baseline.metrics)

    def changes(self, system: str, metric: str) -> list[QueryChange]:
        """Return all queries, the largest gain over the baseline first, ties by query id.

        Args:
            system: Name of a system.
            metric: Name of a metric.

        Raises:
            ConfigError: if there is no such system or metric.
        """
        report = next((each for each in self.reports if each.name == system), None)
        if report is None or metric not in self.metrics:
            names = ", ".join(repr(each.name) for each in self.reports)
            raise ConfigError(
                f"there is no system {system!r} with {metric!r}: systems are {names}, metrics are "
                f"{', '.join(self.metrics)}"
            )
        made = [
            QueryChange(query_id, self.queries.get(query_id, ""), values[metric], other[metric])
            for query_id, values in self.baseline.per_query.items()
            for other in [report.per_query[query_id]]
        ]
        return sorted(made, key=lambda change: (-change.change, change.query_id))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "systems": [report.to_dict() for report in self.reports],
            "differences": [asdict(each) for each in self.differences],
        }

    def to_html(self) -> str:
        """Return a page that needs nothing from elsewhere, with tables and plots."""
        from splade_sdk.evaluation.page import comparison_page

        return comparison_page(self)


def compare(
    reports: Sequence[RunReport], *, queries: Mapping[str, str] | None = None
) -> Comparison:
    """Compare systems query by query with the first of them.

    All p-values together, over systems and metrics, are corrected for their number.

    Args:
        reports: Of the same dataset, split and metrics, under different names; the baseline first.
        queries: Texts of the queries, by id, for readers.

    Raises:
        ConfigError: if there is none, two have one name, or they are not of the same queries and
            metrics.
    """
    if not reports:
        raise ConfigError("reports is empty: expected at least one")
    first = reports[0]
    names = [report.name for report in reports]
    if len(set(names)) < len(names):
        raise ConfigError(f"systems are named {names}: expected different names; pass name=")
    for report in reports[1:]:
        if report.per_query.keys() != first.per_query.keys() or list(report.metrics) != list(
            first.metrics
        ):
            raise ConfigError(
                f"{report.name!r} was evaluated on {len(report.per_query)} queries of "
                f"{report.dataset!r} by {list(report.metrics)}, {first.name!r} on "
                f"{len(first.per_query)} of {first.dataset!r} by {list(first.metrics)}: evaluate "
                "both on the same dataset, split and metrics"
            )
    tests = [
        (report.name, metric, paired_test(_values(report, metric), _values(first, metric)))
        for report in reports[1:]
        for metric in first.metrics
    ]
    corrected = holm([test.p for _, _, test in tests])
    differences = (
        Difference(name, metric, test, p)
        for (name, metric, test), p in zip(tests, corrected, strict=True)
    )
    return Comparison(tuple(reports), tuple(differences), dict(queries or {}))


def _values(report: RunReport, metric: str) -> list[float]:
    return [report.per_query[query_id][metric] for query_id in sorted(report.per_query)]


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

    def text(self, report: RunReport) -> str:
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
        cells = ("" if value is None else repr(value) for value in values)
        out.writerow([report.name, report.dataset, report.split, *cells])
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
            cells = (repr(values[name]) for name in comparison.metrics)
            out.writerow([query_id, text, report.name, *cells])
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
