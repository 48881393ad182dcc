"""``splade eval``: how good models are on a test collection, and what they cost."""

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from splade_sdk.cli.options import DenseModel, Json, MaxLength, Windows
from splade_sdk.cli.printing import print_json

if TYPE_CHECKING:
    from splade_sdk.datasets.beir import BeirDataset
    from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
    from splade_sdk.evaluation.comparison import Comparison
    from splade_sdk.evaluation.report import RunReport
    from splade_sdk.retrieval.search.options import Mode

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """**Examples**

`splade eval data/scifact`

`splade eval data/scifact --model bm25 --model ./my-model --html report.html`

`splade eval data/scifact --mode bm25 --mode sparse --mode hybrid --dense-model all-MiniLM-L6-v2`

`splade eval data/scifact --run other-engine.trec --metric nDCG@10 --metric R@100`

`splade eval data/scifact --json | jq .metrics`
"""


class EvaluationMode(str, Enum):
    """By which vectors to search; bm25 is a system of its own."""

    bm25 = "bm25"
    sparse = "sparse"
    dense = "dense"
    hybrid = "hybrid"


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
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|DIR",
            help="A SPLADE model, by folder or name; bm25 for the bag-of-words baseline. May come "
            "more than once: the first is what the others are compared with. Default: the small "
            "model that comes along.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        list[EvaluationMode] | None,
        typer.Option(
            help="By which vectors; bm25 adds the bag-of-words baseline, as the first. May come "
            "more than once: texts are encoded once for all.  [default: sparse]",
            show_default=False,
        ),
    ] = None,
    dense_model: DenseModel = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Hits in TREC's format, of any system; compared with the models, or alone.",
            show_default=False,
        ),
    ] = None,
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
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with plots.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a line for each system.", show_default=False),
    ] = None,
    query_csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a line for each query.", show_default=False),
    ] = None,
    write_runs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the hits of each system, and the judgements, in TREC's formats.",
            show_default=False,
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where hits are kept, so that nothing is encoded twice.  [default: the user's "
            "cache]",
            show_default=False,
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not keep hits.")] = False,
    as_json: Json = False,
    windows: Windows = False,
    max_length: MaxLength = None,
    idf: Annotated[
        bool,
        typer.Option(
            "--idf",
            help="Let the engine weigh the query terms of SPLADE models by how rare they are, as "
            "SpladeEncoder(idf=True) does.",
        ),
    ] = False,
    ignore_identical_ids: Annotated[
        bool,
        typer.Option(
            "--ignore-identical-ids",
            help="Leave out hits with the query's own id, as BEIR does where queries are "
            "documents of the corpus (ArguAna, Quora).",
        ),
    ] = False,
) -> None:
    """Measure models on a test collection.

    Indexes the collection among the temporary files, searches with every judged query, and scores
    what is found. Several systems are compared query by query.
    """
    from splade_sdk.datasets.beir import load_dataset
    from splade_sdk.evaluation.comparison import compare
    from splade_sdk.evaluation.runner import DEFAULT_METRICS, evaluate_modes, evaluate_run
    from splade_sdk.evaluation.trec import read_run

    dataset = load_dataset(folder, split)
    metrics = metric or DEFAULT_METRICS
    reports: list[RunReport] = []
    for system in _systems(model, mode, dense_model, alone=not run):
        reports += evaluate_modes(
            system.encoder(windows, max_length, idf=idf),
            dataset,
            system.modes,
            dense_encoder=system.dense_encoder(),
            name=system.name,
            metrics=metrics,
            limit=limit,
            engine=engine.value,
            ignore_identical_ids=ignore_identical_ids,
            cache=None if no_cache else cache or _user_cache(),
        )
    reports += [
        evaluate_run(read_run(path), dataset, name=path.name, metrics=metrics, limit=limit)
        for path in run or ()
    ]
    comparison = compare(reports, queries=dataset.queries)
    _write(comparison, dataset, html=html, csv=csv, query_csv=query_csv, runs=write_runs)
    if as_json:
        values = comparison.to_dict() if len(reports) > 1 else reports[0].to_dict()
        print_json(values)
    else:
        _print(comparison)


class _System(NamedTuple):
    name: str
    modes: "list[Mode]"
    dense_model: str | None

    def encoder(self, windows: bool, max_length: int | None, *, idf: bool) -> "SparseEncoder":
        from splade_sdk.cli.opening import open_encoder

        model = None if self.name == "default" else self.name
        return open_encoder(model, windows=windows, max_length=max_length, idf=idf)

    def dense_encoder(self) -> "DenseEncoder | None":
        from splade_sdk.cli.opening import open_dense

        return open_dense(self.dense_model) or None if self.modes != ["sparse"] else None


def _systems(
    models: list[str] | None,
    modes: list[EvaluationMode] | None,
    dense_model: str | None,
    *,
    alone: bool,
) -> list[_System]:
    """Return what to evaluate, the baseline first; nothing where runs are enough."""
    chosen = [each.value for each in modes or ()]
    names = models or (["default"] if alone or chosen else [])
    by_model: list[Mode] = [each for each in chosen if each != "bm25"]  # type: ignore[misc]
    systems = [_System("bm25", ["sparse"], None)] if "bm25" in chosen else []
    if by_model or not chosen or models:
        systems += [_System(name, by_model or ["sparse"], dense_model) for name in names]
    return systems


def _user_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "splade-sdk" / "runs"


def _write(
    comparison: "Comparison",
    dataset: "BeirDataset",
    *,
    html: Path | None,
    csv: Path | None,
    query_csv: Path | None,
    runs: Path | None,
) -> None:
    from splade_sdk.evaluation.comparison import queries_csv, systems_csv
    from splade_sdk.evaluation.trec import write_qrels, write_run

    if html is not None:
        html.write_text(comparison.to_html(), encoding="utf-8")
    if csv is not None:
        csv.write_text(systems_csv(comparison), encoding="utf-8")
    if query_csv is not None:
        query_csv.write_text(queries_csv(comparison), encoding="utf-8")
    if runs is not None:
        runs.mkdir(parents=True, exist_ok=True)
        write_qrels(runs / "qrels.trec", dataset.qrels)
        for report in comparison.reports:
            stem = "".join(each if each.isalnum() or each in "-_." else "-" for each in report.name)
            write_run(runs / f"{stem.removesuffix('.trec')}.trec", report.run)


def _print(comparison: "Comparison") -> None:
    from splade_sdk.cli.evaluation_tables import print_comparison, print_report
    from splade_sdk.evaluation.report import EvaluationReport

    (first, *others) = comparison.reports
    if others or not isinstance(first, EvaluationReport):
        print_comparison(comparison)
    else:
        print_report(first)
