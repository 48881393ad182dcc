"""``splade eval``: how good a model is on a test collection."""

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_sdk.cli.options import Json, MaxLength, Model, Windows

if TYPE_CHECKING:
    from splade_sdk.evaluation.report import EvaluationReport

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """**Examples**

`splade eval data/scifact`

`splade eval data/scifact --max-length 256`

`splade eval data/scifact --model bm25 --metric nDCG@10 --metric R@100`

`splade eval data/scifact --json | jq .metrics`
"""


class Engine(str, Enum):
    """What searches; see ``evaluate``."""

    embedded = "embedded"
    memory = "memory"


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Collection in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv."
        ),
    ],
    *,
    split: Annotated[str, typer.Option(help="Which judgements.")] = "test",
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="As ir-measures writes it; may come more than once.  "
            "[default: nDCG@10, RR@10, R@100]",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Hits a query.")] = 100,
    engine: Annotated[
        Engine, typer.Option(help="Qdrant in process, or the exact reference in memory.")
    ] = Engine.embedded,
    as_json: Json = False,
    windows: Windows = False,
    max_length: MaxLength = None,
    model: Model = None,
) -> None:
    """Measure a model on a test collection.

    Indexes the collection among the temporary files, searches with every judged query, and
    scores what is found.
    """
    from splade_sdk.cli.opening import open_encoder
    from splade_sdk.evaluation.datasets import load_dataset
    from splade_sdk.evaluation.evaluate import DEFAULT_METRICS
    from splade_sdk.evaluation.evaluate import evaluate as run

    dataset = load_dataset(folder, split)
    report = run(
        open_encoder(model, windows=windows, max_length=max_length),
        dataset,
        metrics=metric or DEFAULT_METRICS,
        limit=limit,
        engine=engine.value,
    )
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        _print(report)


def _print(report: "EvaluationReport") -> None:
    from rich.console import Console
    from rich.table import Table

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
    table.add_row("search, median", f"{report.search_p50_ms:.2f} ms")
    table.add_row("search, 95 %", f"{report.search_p95_ms:.2f} ms")
    console = Console()
    documents = f"{report.documents.texts:,} documents, " if report.documents else ""
    console.print(
        f"[bold]{report.dataset}[/bold] ({report.split}): {documents}"
        f"{report.queries.texts:,} queries, model {report.model}, engine {report.engine}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(table, highlight=False)
    if report.relevant_missing:
        typer.echo(
            f"{report.relevant_missing:,} relevant documents are not in the corpus: nothing can "
            "find them",
            err=True,
        )
