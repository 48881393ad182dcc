"""Searches in two steps beside plain ones: how long, and how many of the same hits.

    python -m benchmarks.two_step                      # 20,000 passages

Real passages and queries, encoded by the 2-layer SPLADE. All contenders search in the embedded
engine, in one process, and take turns.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks._common import (
    RESULTS,
    hardware,
    hardware_line,
    read_queries,
    read_texts,
    table,
    versions,
    write_results,
)
from benchmarks._weights import two_layer_folder
from splade_sdk import CollectionSettings, PrunedSettings, SpladeEncoder, TwoStep
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.embedded import EmbeddedCollection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import SparseBatch, SparseVector

COLLECTIONS = ("msmarco-dl19-full", "scifact")
LIMIT = 10
PRUNED_TERMS = (20, 50)
STEPS = tuple(
    TwoStep(query_terms=terms, candidates=candidates)
    for terms in (5, 10)
    for candidates in (50, 200)
)
ROUNDS = 3


def filled(encoder: SpladeEncoder, vectors: SparseBatch, terms: int | None) -> EmbeddedCollection:
    """Return a collection of the vectors, and their pruned versions where ``terms`` is given."""
    pruned = PrunedSettings(terms=terms) if terms else None
    collection = EmbeddedCollection.temporary(
        fingerprint=encoder.fingerprint, settings=CollectionSettings(pruned=pruned)
    )
    points = (
        Point(point_id(str(n)), vector, {"doc_id": str(n)}) for n, vector in enumerate(vectors)
    )
    while batch := list(islice(points, 1000)):
        collection.upsert(batch)
    collection.optimize()
    return collection


def measure(documents: int, queries: int) -> dict[str, Any]:
    """Return seconds of every search, and how many hits it shares with the plain one."""
    encoder = SpladeEncoder(two_layer_folder(), max_length=256)
    texts = [text for each in COLLECTIONS for text in read_texts(each, documents)][:documents]
    stored = encoder.encode_document(texts)
    asked = encoder.encode_query(
        [text for each in COLLECTIONS for text in read_queries(each, queries)]
    )
    with ExitStack() as stack:
        plain = stack.enter_context(closing(filled(encoder, stored, None)))
        searches: dict[str, Any] = {"plain": lambda v: plain.search(SearchRequest(v, LIMIT))}
        for terms in PRUNED_TERMS:
            collection = stack.enter_context(closing(filled(encoder, stored, terms)))
            for step in STEPS:
                name = f"{terms} / {step.query_terms} / {step.candidates}"
                searches[name] = partial(_two_steps, collection, step)
        taken: dict[str, list[float]] = {name: [] for name in searches}
        shared: dict[str, list[float]] = {name: [] for name in searches}
        for turn in range(ROUNDS + 1):  # the first fills caches, and is not counted
            for vector in asked:
                found = {}
                for name, search in searches.items():
                    started = perf_counter()
                    found[name] = {hit.id for hit in search(vector)}
                    if turn:
                        taken[name].append(perf_counter() - started)
                for name, hits in found.items():
                    shared[name].append(len(hits & found["plain"]) / len(found["plain"]))
    return {
        "documents": len(texts),
        "queries": len(asked),
        "document_terms": stored.stats().active_dims,
        "query_terms": asked.stats().active_dims,
        "p50_ms": {name: 1000 * float(np.median(each)) for name, each in taken.items()},
        "p95_ms": {name: 1000 * float(np.percentile(each, 95)) for name, each in taken.items()},
        "shared": {name: float(np.mean(each)) for name, each in shared.items()},
    }


def _two_steps(collection: EmbeddedCollection, step: TwoStep, vector: SparseVector) -> Any:
    return collection.search(SearchRequest(vector, LIMIT, two_step=step))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=100, help="of each collection, at most")
    options = parser.parse_args()
    machine, used = hardware(), versions("qdrant-edge-py")
    result = measure(options.documents, options.queries)
    plain = result["p50_ms"]["plain"]
    rows = [
        [
            name,
            result["p50_ms"][name],
            result["p95_ms"][name],
            result["p50_ms"][name] / plain,
            result["shared"][name],
        ]
        for name in result["p50_ms"]
    ]
    header = ["terms / query terms / candidates", "p50 ms", "p95 ms", "of plain", "shared of 10"]
    made = table(header, rows)
    print(made)
    write_results(
        RESULTS / "two_step",
        {"hardware": machine, "versions": used, **result},
        f"# Search in two steps\n\n{hardware_line(machine, used)}\n\n"
        f"{result['documents']:,} passages of {result['document_terms']:.0f} terms, "
        f"{result['queries']} queries of {result['query_terms']:.0f} terms, the best {LIMIT} hits, "
        f"embedded engine. `of plain`: p50 as a share of the plain search in the same run.\n\n"
        f"{made}\n",
    )


if __name__ == "__main__":
    main()
