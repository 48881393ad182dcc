"""``splade tune``: search settings that suit an index, by judged queries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_sdk.cli.options import Json, RetrieverOptions, takes_retriever
from splade_sdk.cli.printing import console, print_json, show

if TYPE_CHECKING:
    from splade_sdk.evaluation.tuning.report import TuningReport

__all__ = ["EXAMPLES", "tune"]

EXAMPLES = """**Examples**

`splade tune data/mine --index ./idx --output tuned.json`

`splade tune data/mine --index ./idx --dense-model all-MiniLM-L6-v2 --split train`

`splade tune data/mine --index ./idx --tolerance 0.01` (cheaper searches, for 0.01 of nDCG@10)

`splade search "heart attack" --index ./idx --settings tuned.json`
"""


@takes_retriever()
def tune(
    folder: Annotated[
        Path,
        typer.Argument(help="Judged queries in BEIR's layout: queries.jsonl, qrels/SPLIT.tsv."),
    ],
    *,
    source: RetrieverOptions,
    split: Annotated[str, typer.Option(help="Which judgements.")] = "test",
    metric: Annotated[str, typer.Option(help="As ir-measures writes it.")] = "nDCG@10",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Hits of a search.")] = 10,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="How much of the metric cheaper searches may lose; 0 for none."),
    ] = 0.0,
    folds: Annotated[
        int, typer.Option(min=2, help="Parts of the queries, each judged by what others chose.")
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the recommended settings, for --settings of other commands.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find out which fusion, depth and pruning suit an index.

    The index holds the documents that are judged; nothing in it is changed. What tuning gains is
    told on queries that it has not seen, and where that is not beyond doubt, the defaults are
    recommended.
    """
    from splade_sdk.datasets.beir import load_dataset
    from splade_sdk.evaluation.tuning.tune import tune as find

    judged = load_dataset(folder, split, needs_corpus=False)
    with source.open() as retriever:
        report = find(
            retriever,
            judged.queries,
            judged.qrels,
            metric=metric,
            limit=limit,
            tolerance=tolerance,
            folds=folds,
        )
    if output is not None:
        report.recommended.save(output)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report, output)


def _print(report: "TuningReport", output: Path | None) -> None:
    from rich.table import Table

    from splade_sdk.evaluation.tuning.summary import short

    shown = Table(box=None, pad_edge=False)
    for header in ("settings", report.metric, "difference", "KB read", "index MB", "ms", ""):
        shown.add_column(header, justify="left" if header in ("settings", "") else "right")
    for point in report.points:
        size = "" if point.index_bytes is None else f"{point.index_bytes / 1e6:.1f}"
        marks = [
            *(["default"] if point.settings == report.default else []),
            *(["chosen"] if point.settings == report.chosen else []),
            *(["frontier"] if point.frontier else []),
        ]
        shown.add_row(
            short(point.settings),
            f"{point.value:.4f}",
            f"{point.difference.mean:+.4f}",
            f"{point.bytes_read / 1e3:.0f}",
            size,
            f"{point.search_ms:.1f}",
            ", ".join(marks),
        )
    console().print(shown)
    show(
        f"{report.queries:,} queries, {report.folds} folds, {report.scored:,} settings tried in "
        f"{report.seconds.total:.1f} s"
    )
    show(report.verdict)
    if output is not None:
        show(f"{output}: {short(report.recommended)}")
