"""Evaluations, drawn with rich."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from splade_sdk.cli import printing
from splade_sdk.evaluation.comparison import Comparison, Difference, columns
from splade_sdk.evaluation.report import EvaluationReport

__all__ = ["print_comparison", "print_report"]

_QUERIES_SHOWN = 3


def print_report(report: EvaluationReport, *, console: Console | None = None) -> None:
    """Print one system: a line for each number."""
    out = console or printing.console()
    documents = f"{report.documents.texts:,} documents, " if report.documents else ""
    head = Text.assemble(
        (report.dataset, "bold"),
        f" ({report.split}): {documents}{report.queries.texts:,} queries, model {report.model}, "
        f"engine {report.engine}",
    )
    out.print(head, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in report.metrics.items():
        table.add_row(name, f"[bold green]{value:.4f}[/bold green]")
    for name, side in (("query", report.queries), ("document", report.documents)):
        if side is not None:
            table.add_row(f"terms a {name}", f"{side.active_dims:.1f}")
            table.add_row(f"{name} encoding", f"{side.texts_per_s:,.0f} texts/s")
    if report.flops is not None:
        table.add_row("FLOPS", f"{report.flops:.2f}")
    if report.index_bytes is not None:
        table.add_row("index", f"{report.index_bytes / 1e6:,.1f} MB")
    table.add_row("search, median", f"{report.search_p50_ms:.2f} ms")
    table.add_row("search, 95 %", f"{report.search_p95_ms:.2f} ms")
    out.print(table)
    out.print(_seconds(report), style="dim")


def print_comparison(comparison: Comparison, *, console: Console | None = None) -> None:
    """Print several systems: a table, their differences, and the queries that differ most."""
    out = console or printing.console()
    first = comparison.baseline
    head = f" ({first.split}): {len(first.per_query):,} judged queries"
    out.print(Text.assemble((first.dataset, "bold"), head))
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    table.add_column(style="bold", no_wrap=True)
    for report in comparison.reports:
        table.add_column(Text(report.name), justify="right", overflow="fold")
    for column in columns(comparison):
        table.add_row(column.title, *(column.text(report) for report in comparison.reports))
    out.print(table)
    if comparison.differences:
        out.print()
        out.print(_differences(comparison))
        out.print(
            f"paired t-test, two-sided; corrected for {len(comparison.differences)} comparisons "
            "(Holm)",
            style="dim",
        )
    for report in comparison.reports[1:]:
        _print_changes(comparison, report.name, out)


def _differences(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(f"against {comparison.baseline.name}"), style="cyan", overflow="fold")
    for title in ("metric", "difference", "95 % interval", "+/=/-", "p", "corrected"):
        table.add_column(title, justify="right")
    for each in comparison.differences:
        table.add_row(Text(each.system), *_difference(each))
    return table


def _difference(each: Difference) -> list[str]:
    test = each.test
    bold = "[bold]" if each.is_significant else ""
    return [
        each.metric,
        f"{bold}{test.mean:+.4f}",
        f"{test.low:+.3f} to {test.high:+.3f}",
        f"{test.wins}/{test.ties}/{test.losses}",
        _p(test.p),
        f"{bold}{_p(each.p_corrected)}",
    ]


def _p(value: float | None) -> str:
    return "" if value is None else "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _print_changes(comparison: Comparison, system: str, out: Console) -> None:
    metric = comparison.metrics[0]
    changes = comparison.changes(system, metric)
    gains = [each for each in changes if each.change > 0][:_QUERIES_SHOWN]
    losses = [each for each in reversed(changes) if each.change < 0][:_QUERIES_SHOWN]
    if not gains and not losses:
        return
    out.print()
    out.print(Text(f"{system}: largest changes of {metric}", style="bold"))
    for each in [*gains, *reversed(losses)]:
        line = Text(f"{each.change:+.3f}  ", style="green" if each.change > 0 else "red")
        line.append(f"{each.query_id}  {' '.join(each.text.split())}", style="default")
        out.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def _seconds(report: EvaluationReport) -> str:
    spent = report.seconds
    share = f" ({100 * spent.encode / spent.total:.0f} %)" if spent.total else ""
    shown = (
        f"{spent.total:.1f} s: encoding {spent.encode:.1f}{share}, indexing {spent.index:.1f}, "
        f"searching {spent.search:.1f}, metrics {spent.metrics:.1f}, other {spent.other:.1f}"
    )
    return f"{shown}; hits and times from the cache" if report.cached else shown
