"""A comparison as one HTML page: tables, plots, and the queries behind them; all escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from splade_sdk.evaluation.comparison import Comparison, Difference, QueryChange, columns
from splade_sdk.evaluation.report import EvaluationReport, RunReport
from splade_sdk.evaluation.svg import Bar, Dot, bars, histogram, scatter

__all__ = ["comparison_page"]

_COLOURS = 8
_QUERIES_SHOWN = 5


def comparison_page(comparison: Comparison) -> str:
    """Return the page of a comparison.

    Args:
        comparison: What to show.
    """
    first = comparison.baseline
    title = f"{first.dataset} ({first.split})"
    counts = f"{len(first.per_query):,} judged queries"
    costs = [each for each in comparison.reports if isinstance(each, EvaluationReport)]
    if costs and costs[0].documents:
        counts += f", {costs[0].documents.texts:,} documents"
    body = [
        f"<h1>{escape(title)}</h1><p>{counts}; {first.limit} hits a query.</p>",
        _systems(comparison),
        _differences(comparison),
        _tradeoff(comparison, costs),
        _changes(comparison),
        _lengths(comparison, costs),
        _seconds(costs),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _systems(comparison: Comparison) -> str:
    shown = columns(comparison)
    best = {
        column.key: max(column.value(report) or 0.0 for report in comparison.reports)
        for column in shown
        if column.key in comparison.metrics
    }
    rows = []
    for at, report in enumerate(comparison.reports):
        cells = [_key(at) + escape(report.name)]
        for column in shown:
            told = column.text(report)
            is_best = len(comparison.reports) > 1 and column.value(report) == best.get(column.key)
            cells.append(f"<b>{told}</b>" if is_best else told)
        rows.append(cells)
    return "<h2>Systems</h2>" + _table(["system", *(column.title for column in shown)], rows)


def _differences(comparison: Comparison) -> str:
    if not comparison.differences:
        return ""
    rows = [_difference(each) for each in comparison.differences]
    header = ["system", "metric", "difference", "95 % interval", "better", "equal", "worse", "p"]
    return (
        f"<h2>Against {escape(comparison.baseline.name)}</h2>"
        + _table([*header, "p, corrected"], rows)
        + "<p>Paired t-test over the queries, two-sided; the interval is a bootstrap of the mean. "
        f"Corrected: Holm's method, for the {len(rows)} comparisons of this table; bold is below "
        "0.05.</p>"
    )


def _difference(each: Difference) -> list[str]:
    test = each.test
    corrected = _p(each.p_corrected)
    return [
        escape(each.system),
        escape(each.metric),
        f"{test.mean:+.4f}",
        f"{test.low:+.4f} to {test.high:+.4f}",
        str(test.wins),
        str(test.ties),
        str(test.losses),
        _p(test.p),
        f"<b>{corrected}</b>" if each.is_significant else corrected,
    ]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "&lt; 0.0001" if value < 1e-4 else f"{value:.4f}"


def _tradeoff(comparison: Comparison, costs: Sequence[EvaluationReport]) -> str:
    metric = comparison.metrics[0]
    colour = _colours(comparison.reports)
    dots = [
        Dot(each.name, each.flops, each.metrics[metric], colour[each.name])
        for each in costs
        if each.flops is not None
    ]
    if not dots:
        return ""
    plot = scatter(dots, x="FLOPS: terms that a query and a document share", y=metric)
    return f"<h2>{escape(metric)} against cost</h2>{_plots([plot])}"


def _changes(comparison: Comparison) -> str:
    metric = comparison.metrics[0]
    made = []
    for report in comparison.reports[1:]:
        changes = comparison.changes(report.name, metric)
        plot = bars(
            [
                Bar(
                    each.change,
                    f"{each.query_id} {each.text}: {each.baseline:.3f} → {each.value:.3f}",
                )
                for each in changes
            ],
            title=f"{len(changes):,} queries, by their change of {metric}",
        )
        gains = [each for each in changes if each.change > 0][:_QUERIES_SHOWN]
        losses = [each for each in reversed(changes) if each.change < 0][:_QUERIES_SHOWN]
        made.append(
            f"<h2>{escape(report.name)}, query by query</h2>{_plots([plot])}"
            + _queries("Largest gains", gains)
            + _queries("Largest losses", losses)
        )
    return "".join(made)


def _queries(title: str, changes: Sequence[QueryChange]) -> str:
    if not changes:
        return ""
    rows = [
        [
            f"{each.change:+.3f}",
            f"{each.baseline:.3f}",
            f"{each.value:.3f}",
            f'<span class="text"><small>{escape(each.query_id)}</small> {escape(each.text)}</span>',
        ]
        for each in changes
    ]
    table = _table(["change", "from", "to", "query"], rows)
    return f'<h3>{title}</h3><div class="queries">{table}</div>'


def _lengths(comparison: Comparison, costs: Sequence[EvaluationReport]) -> str:
    colour = _colours(comparison.reports)
    plots = []
    for each in costs:
        for side, texts in ((each.documents, "a document"), (each.queries, "a query")):
            if side is not None and side.lengths:
                title = f"{each.name}: active terms {texts}"
                plots.append(histogram(side.lengths, title=title, colour=colour[each.name]))
    return f"<h2>Lengths</h2>{_plots(plots)}" if plots else ""


def _seconds(costs: Sequence[EvaluationReport]) -> str:
    if not costs:
        return ""
    rows = []
    for each in costs:
        spent = each.seconds
        each_s = (spent.encode, spent.index, spent.search, spent.metrics, spent.other)
        name = escape(each.name) + (" (from the cache)" if each.cached else "")
        share = f"{100 * spent.encode / spent.total:.0f} %" if spent.total else ""
        rows.append([name, *(f"{seconds:.2f}" for seconds in each_s), share])
    header = [
        "system",
        "encoding",
        "indexing",
        "searching",
        "metrics",
        "other",
        "share of encoding",
    ]
    return "<h2>Seconds</h2>" + _table(header, rows)


def _table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are HTML already, the header is not."""
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="table">{table}</div>'


def _plots(plots: Iterable[str]) -> str:
    return '<div class="plots">' + "".join(f"<figure>{each}</figure>" for each in plots) + "</div>"


def _colours(reports: Sequence[RunReport]) -> dict[str, int]:
    """Return the colour of each system, by name: 0, a grey, after the eighth."""
    return {report.name: at if at <= _COLOURS else 0 for at, report in enumerate(reports, start=1)}


def _key(at: int) -> str:
    return f'<span class="key k{at + 1 if at < _COLOURS else 0}"></span>'


# A grey, then eight colours that stay apart for readers who see few of them.
_LIGHT = "#8a8984 #2a78d6 #eb6834 #1baf7a #eda100 #e87ba4 #008300 #4a3aa7 #e34948"
_DARK = "#8a8984 #3987e5 #d95926 #199e70 #c98500 #d55181 #008300 #9085e9 #e66767"


def _variables(colours: str) -> str:
    return "".join(f"--s{at}:{colour};" for at, colour in enumerate(colours.split()))


_PARTS = [
    ":root{color-scheme:light dark;--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--line:#e3e2dd;",
    _variables(_LIGHT),
    "}@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#fff;--soft:#c3c2b7;",
    "--line:#3a3936;",
    _variables(_DARK),
    "}}",
    "*{box-sizing:border-box}",
    "body{background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;",
    "margin:0 auto;padding:1rem;max-width:72rem}",
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.8rem 0 .5rem;",
    "overflow-wrap:anywhere}h3{font-size:1rem;margin:1rem 0 .3rem}",
    "p{color:var(--soft);margin:.3rem 0;max-width:44rem}",
    ".table{overflow-x:auto}",
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}",
    "th,td{padding:.25rem .7rem .25rem 0;text-align:right;white-space:nowrap;",
    "border-bottom:1px solid var(--line);vertical-align:top}",
    "th{color:var(--soft);font-weight:500;font-size:13px;vertical-align:bottom;",
    "white-space:normal;max-width:6rem}",
    "th:first-child,td:first-child,td:has(.text),.queries th:last-child{text-align:left}",
    ".text{white-space:normal;display:inline-block;min-width:11rem;max-width:38rem;",
    "overflow-wrap:anywhere}small{color:var(--soft)}",
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,22rem),1fr));",
    "gap:1rem}figure{margin:0;max-width:30rem}svg{width:100%;height:auto;display:block}",
    "svg text{fill:var(--soft);font:11px system-ui,sans-serif;font-variant-numeric:tabular-nums}",
    "svg .label{fill:var(--ink)}svg circle{stroke:var(--page);stroke-width:2}",
    ".grid{stroke:var(--line);stroke-width:1}.zero{stroke:var(--soft);stroke-width:1}",
    ".gain{fill:var(--s1)}.loss{fill:var(--s8)}",
    ".key{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin-right:.4rem}",
    *(f".c{at}{{fill:var(--s{at})}}.k{at}{{background:var(--s{at})}}" for at in range(9)),
]

_STYLE = "".join(_PARTS)
