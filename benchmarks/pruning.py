"""Static pruning and fewer bits a weight: quality lost against index size and search time.

    python -m benchmarks.pruning

Documents are encoded once, by the 2-layer SPLADE, into the index that benchmarks.tune makes; what
is measured is the embedded engine.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import qdrant_edge as edge

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
from benchmarks.hybrid import dense_model, indexed
from splade_sdk import SparseBatch, SpladeEncoder
from splade_sdk.datasets.beir import load_dataset
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.report import RunReport
from splade_sdk.evaluation.runner import evaluate_run
from splade_sdk.evaluation.significance import paired_test
from splade_sdk.evaluation.tuning.stored import StoredForm

NDCG, RECALL = "nDCG@10", "R@100"
LIMIT = 100
MAX_TOKENS = 256
Pruning = Callable[[SparseBatch], SparseBatch]


def whole(vectors: SparseBatch) -> SparseBatch:
    """Keep everything."""
    return vectors


def terms(kept: int) -> Pruning:
    """Keep the heaviest terms of each vector."""
    return lambda vectors: vectors.prune(kept)


def above(lowest: float) -> Pruning:
    """Keep weights from a threshold on."""

    def pruned(vectors: SparseBatch) -> SparseBatch:
        matrix = vectors.to_scipy()
        matrix.data[matrix.data < lowest] = 0
        return SparseBatch.from_scipy(matrix)

    return pruned


# Name: pruning of documents, of queries, type of weights.
VARIANTS: dict[str, tuple[Pruning, Pruning, str]] = {
    "all": (whole, whole, "float32"),
    **{f"documents: {kept} terms": (terms(kept), whole, "float32") for kept in (128, 96, 64, 32)},
    **{
        f"documents: weights ≥ {lowest:g}": (above(lowest), whole, "float32")
        for lowest in (0.1, 0.2, 0.4, 0.6)
    },
    **{f"queries: {kept} terms": (whole, terms(kept), "float32") for kept in (32, 16, 8)},
    **{f"queries: weights ≥ {low:g}": (whole, above(low), "float32") for low in (0.2, 0.4)},
    "float16": (whole, whole, "float16"),
    "uint8": (whole, whole, "uint8"),
    "documents: 96 terms, queries: 16 terms": (terms(96), terms(16), "float32"),
    "documents: 96 terms, queries: 16 terms, uint8": (terms(96), terms(16), "uint8"),
    "documents: 64 terms, queries: 8 terms, uint8": (terms(64), terms(8), "uint8"),
}


@contextmanager
def small_indexes() -> Iterator[None]:
    """Let the engine build its compressed index for small collections too, as for large ones.

    Below some 10 MB of vectors it keeps float32 weights, whatever is asked for.
    """
    made = edge.EdgeConfig

    def config(**values: Any) -> Any:
        return made(optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1), **values)

    with patch.object(edge, "EdgeConfig", config):
        yield


def stored(runs: Path, collection: str, encoder: SpladeEncoder) -> tuple[list[str], SparseBatch]:
    """Return ids and vectors of the documents, which are encoded unless that has been done."""
    dataset = load_dataset(DATA / collection)
    with closing(indexed(runs / collection, encoder, dense_model(), dataset.corpus())) as made:
        found = {
            each.id: each.vector
            for each in made.documents(batch_size=1024, with_vectors=True)
            if each.vector is not None
        }
    return list(found), SparseBatch.from_vectors(list(found.values()))


def measured(collection: str, runs: Path) -> dict[str, Any]:
    """Return the results of one collection."""
    dataset = load_dataset(DATA / collection)
    encoder = SpladeEncoder(two_layer_folder(), device="cpu", max_length=MAX_TOKENS)
    ids, documents = stored(runs, collection, encoder)
    queries = encoder.encode_query(list(dataset.queries.values()), show_progress_bar=False)
    reports: dict[str, RunReport] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, (of_documents, of_queries, datatype) in VARIANTS.items():
        kept, asked = of_documents(documents), of_queries(queries)
        form = StoredForm(ids, kept, encoder.fingerprint, "embedded", datatype)
        with closing(form), np.errstate(all="raise"):
            legs = form.legs(asked, LIMIT)
            search_ms = form.search_ms(asked, 10)
        run = {
            each: [
                (ids[place], score)
                for place, score in zip(leg.documents.tolist(), leg.scores.tolist(), strict=True)
            ]
            for each, leg in zip(dataset.queries, legs, strict=True)
        }
        reports[name] = evaluate_run(run, dataset, name=name, metrics=[NDCG, RECALL], limit=LIMIT)
        first, its = reports["all"].per_query, reports[name].per_query
        test = paired_test([its[q][NDCG] for q in first], [first[q][NDCG] for q in first])
        rows[name] = {
            NDCG: reports[name].metrics[NDCG],
            RECALL: reports[name].metrics[RECALL],
            "difference": asdict(test),
            "document_terms": kept.stats().active_dims,
            "query_terms": asked.stats().active_dims,
            "index_bytes": form.index_bytes,
            "search_ms": search_ms,
        }
    return {"documents": len(ids), "queries": len(queries), "variants": rows}


def report(result: Mapping[str, Any]) -> str:
    """Lay the result out as Markdown."""
    explanation = (
        f"The 2-layer SPLADE, texts cut at {MAX_TOKENS} tokens, embedded engine after "
        "`optimize()`, sparse vectors only. The engine was told to build its compressed index at "
        "this size too: by default it keeps weights in float32 below some 10 MB of vectors, "
        "whatever is asked for. Difference: to all terms in float32, over queries, with its 95 % "
        "interval (bootstrap). Index: the collection's files, without text; part of them is the "
        "vectors as they came, in float32. Search: median of one query's ten hits, on a shared "
        "machine."
    )
    parts = [
        "# Static pruning and fewer bits",
        hardware_line(result["hardware"], result["versions"]),
        explanation,
    ]
    header = ["variant", NDCG, "difference", "95 %", RECALL, "terms a document", "terms a query"]
    for collection, found in result["collections"].items():
        rows = [
            [
                name,
                f"{each[NDCG]:.4f}",
                f"{each['difference']['mean']:+.4f}",
                f"{each['difference']['low']:+.4f} to {each['difference']['high']:+.4f}",
                f"{each[RECALL]:.3f}",
                f"{each['document_terms']:.0f}",
                f"{each['query_terms']:.0f}",
                f"{each['index_bytes'] / 1e6:.1f}",
                f"{each['search_ms']:.2f}",
            ]
            for name, each in found["variants"].items()
        ]
        size = f"{found['documents']:,} documents, {found['queries']} queries"
        parts += [f"## {collection} ({size})", table([*header, "index MB", "search ms"], rows)]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collections", nargs="+", default=["cranfield", "scifact"])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "tune")
    parser.add_argument("--output", type=Path, default=RESULTS / "pruning")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("torch", "qdrant-edge-py", "splade-sdk"),
        "collections": {},
    }
    with small_indexes():
        for collection in asked.collections:
            result["collections"][collection] = measured(collection, asked.runs)
            print(collection, "done", flush=True)
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
