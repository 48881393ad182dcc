"""What tuning finds on two collections, what that gains on queries it has not seen, and how long.

    python -m benchmarks.tune

Every collection is indexed once, in the embedded engine; a run that was ended goes on where it was.
No default of the package comes from these results.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._common import (
    DATA,
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)
from benchmarks._weights import two_layer_folder
from benchmarks.hybrid import LIMIT, MAX_TOKENS, NDCG, dense_model, indexed, run_of, values
from splade_sdk import Retriever, SearchSettings, SpladeEncoder
from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.report import RunReport
from splade_sdk.evaluation.runner import evaluate_run
from splade_sdk.evaluation.significance import paired_test
from splade_sdk.evaluation.tuning.summary import short
from splade_sdk.evaluation.tuning.tune import tune

# Queries that settings are chosen by, and those that they are checked by afterwards, if any.
SPLITS = {"cranfield": ("test", None), "scifact": ("train", "test")}
TOLERANCES = (0.0, 0.02)


def found_by(retriever: Retriever, dataset: BeirDataset, tuned: SearchSettings) -> RunReport:
    """Return how good searches are under some settings of the query side."""
    hits = retriever.search_batch(
        list(dataset.queries.values()),
        limit=10,
        mode=tuned.mode,
        fusion=tuned.fusion,
        prefetch_limit=tuned.prefetch_limit,
        with_payload=False,
    )
    run = run_of(hits, dataset.queries)
    return evaluate_run(run, dataset, name=short(tuned), metrics=[NDCG], limit=LIMIT)


def checked(retriever: Retriever, dataset: BeirDataset, tuned: SearchSettings) -> dict[str, Any]:
    """Return what the fusion and the depth of some settings gain on other queries."""
    default = found_by(retriever, dataset, SearchSettings(mode="hybrid"))
    other = found_by(retriever, dataset, tuned)
    return {
        "split": dataset.split,
        "queries": len(dataset.queries),
        "default": default.metrics[NDCG],
        "chosen": other.metrics[NDCG],
        "gain": asdict(paired_test(values(other, NDCG), values(default, NDCG))),
    }


def measured(collection: str, runs: Path, model: Any) -> dict[str, Any]:
    """Return the results of one collection."""
    split, other = SPLITS[collection]
    dataset = load_dataset(DATA / collection, split)
    encoder = SpladeEncoder(two_layer_folder(), device="cpu", max_length=MAX_TOKENS)
    with closing(indexed(runs / collection, encoder, model, dataset.corpus())) as retriever:
        results: dict[str, Any] = {
            "documents": retriever.count(),
            "split": split,
            "tuned": [
                tune(retriever, dataset.queries, dataset.qrels, tolerance=each).to_dict()
                for each in TOLERANCES
            ],
        }
        if other:
            chosen = SearchSettings.model_validate(results["tuned"][0]["chosen"])
            plain = chosen.model_copy(
                update={"query_max_active_dims": None, "document_max_active_dims": None}
            )
            test = load_dataset(DATA / collection, other)
            results["checked"] = {"settings": short(plain), **checked(retriever, test, plain)}
    return results


def interval(gain: Mapping[str, Any]) -> str:
    """Return a mean difference with its interval."""
    return f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})"


def told(settings: Mapping[str, Any]) -> str:
    """Return settings in a few words."""
    return short(SearchSettings.model_validate(settings))


def report(result: Mapping[str, Any]) -> str:
    """Lay the result out as Markdown."""
    explanation = (
        f"Sparse leg: the 2-layer SPLADE; dense leg: all-MiniLM-L6-v2; texts cut at {MAX_TOKENS} "
        "tokens. Gains are cross-validated over 5 folds of the queries: what a query is judged by "
        "was chosen without it; 95 % interval by bootstrap. Tolerance 0 asks for the best quality, "
        "0.02 for the cheapest searches that lose no more than that. Seconds are those of one run "
        "on a shared machine, vectors of documents not included. The settings are shown, not "
        "shipped: no default of the package comes from them."
    )
    parts = ["# Tuning", hardware_line(result["hardware"], result["versions"]), explanation]
    rows = [
        [
            collection,
            found["documents"],
            f"{each['queries']} ({found['split']})",
            f"{each['tolerance']:g}",
            f"{each['default_value']:.4f}",
            interval(each["gain"]),
            told(each["chosen"]),
            "chosen" if each["better"] or each["cheaper"] else "defaults",
            each["scored"],
            f"{each['seconds']['total']:.0f}",
        ]
        for collection, found in result["collections"].items()
        for each in found["tuned"]
    ]
    header = ["collection", "documents", "queries", "tolerance", f"{NDCG} by default"]
    header += ["gain on unseen queries", "chosen", "recommended", "settings tried", "seconds"]
    parts.append(table(header, rows))
    for collection, found in result["collections"].items():
        if check := found.get("checked"):
            parts.append(
                f"Chosen on {collection}'s {found['split']} queries without pruning "
                f"({check['settings']}), checked on its {check['queries']} {check['split']} "
                f"queries by the engine: {NDCG} {check['default']:.4f} by default, "
                f"{check['chosen']:.4f} tuned, {interval(check['gain'])}."
            )
    for collection, found in result["collections"].items():
        best = found["tuned"][0]
        rows = [
            [
                told(point["settings"]),
                f"{point['value']:.4f}",
                interval(point["difference"]),
                f"{point['bytes_read'] / 1e3:.0f}",
                f"{point['index_bytes'] / 1e6:.1f}" if point["index_bytes"] else "",
                f"{point['search_ms']:.1f}",
                "yes" if point["frontier"] else "",
            ]
            for point in best["points"]
        ]
        header = ["settings", NDCG, "difference to the defaults, same queries", "KB read a query"]
        parts += [
            f"## {collection}: quality against cost",
            table([*header, "index MB", "search ms", "frontier"], rows),
        ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collections", nargs="+", choices=sorted(SPLITS), default=sorted(SPLITS))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "tune")
    parser.add_argument("--output", type=Path, default=RESULTS / "tune")
    parser.add_argument("--again", type=Path, help="lay out these results (.json) again")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    if asked.again:
        result = json.loads(asked.again.read_text(encoding="utf-8"))
    else:
        result = {
            "hardware": hardware(),
            "versions": versions("torch", "sentence-transformers", "qdrant-edge-py", "splade-sdk"),
            "collections": {},
        }
        model = dense_model()
        for collection in asked.collections:
            result["collections"][collection] = measured(collection, asked.runs, model)
            print(collection, "done", flush=True)
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
