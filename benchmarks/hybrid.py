"""Hybrid search beside its legs: BM25, dense and SPLADE alone, and pairs of them fused.

Every collection is indexed once, in the embedded engine; what is indexed is not encoded again, and
a run that was ended goes on where it was.

    python -m benchmarks.hybrid --collections med cranfield cisi nfcorpus-preproc
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

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
from benchmarks._weights import mini_lm_folder, two_layer_folder
from splade_sdk import (
    DBSF,
    RRF,
    Bm25Encoder,
    Document,
    Retriever,
    SparseEncoder,
    SpladeEncoder,
    Weighted,
)
from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.report import RunReport
from splade_sdk.evaluation.runner import evaluate_run
from splade_sdk.evaluation.significance import holm, paired_test
from splade_sdk.retrieval.search.fusion import Fusion
from splade_sdk.types import Hit

NDCG, RECALL = "nDCG@10", "R@100"
LIMIT = 100
MAX_TOKENS = 256
SPARSE = ("SPLADE", "BM25")
DENSE = "dense"
FUSIONS: dict[str, Fusion] = {"RRF": RRF(), "DBSF": DBSF(), "weighted": Weighted()}


def dense_model() -> SentenceTransformer:
    """Return all-MiniLM-L6-v2, which an installed package brings."""
    model = SentenceTransformer(str(mini_lm_folder()), device="cpu")
    model.max_seq_length = MAX_TOKENS
    return model


def indexed(
    folder: Path,
    encoder: SparseEncoder,
    model: SentenceTransformer,
    documents: Iterable[Document],
) -> Retriever:
    """Return a retriever over the documents, which are encoded unless that has been done."""
    name = f"{encoder.fingerprint.kind}-{encoder.fingerprint.revision[:12]}"
    retriever = Retriever(path=folder, collection=name, encoder=encoder, dense_encoder=model)
    report = retriever.upsert(documents, batch_size=64)
    print(name, f"{report.stored} stored, {report.skipped} were there", flush=True)
    return retriever


def with_dense(documents: Iterable[Document], made: Retriever) -> Iterator[Document]:
    """Yield the documents with the dense vectors that another collection holds of them."""
    for document in documents:
        stored = made.get(document.id, with_vectors=True)
        yield replace(document, dense=stored.dense if stored else None)


def run_of(answers: Sequence[Sequence[Hit]], ids: Iterable[str]) -> dict[str, list[Any]]:
    """Return what each query found, by its id."""
    return {
        each: [(hit.id, hit.score) for hit in hits] for each, hits in zip(ids, answers, strict=True)
    }


def searched(
    retrievers: Mapping[str, Retriever], dataset: BeirDataset
) -> dict[str, tuple[RunReport, tuple[str, ...]]]:
    """Return the report of every system, and the legs of those that fuse some."""
    texts, ids = list(dataset.queries.values()), list(dataset.queries)
    found: dict[str, tuple[RunReport, tuple[str, ...]]] = {}

    def note(name: str, legs: tuple[str, ...], answers: list[list[Hit]]) -> None:
        run = run_of(answers, ids)
        report = evaluate_run(run, dataset, name=name, metrics=[NDCG, RECALL], limit=LIMIT)
        found[name] = (report, legs)

    common: dict[str, Any] = {"limit": LIMIT, "with_payload": False}
    for name, retriever in retrievers.items():
        note(name, (), retriever.search_batch(texts, mode="sparse", **common))
    first = next(iter(retrievers.values()))
    note(DENSE, (), first.search_batch(texts, mode="dense", **common))
    for name, retriever in retrievers.items():
        for fusion, formula in FUSIONS.items():
            hits = retriever.search_batch(texts, mode="hybrid", fusion=formula, **common)
            note(f"{name} + {DENSE}, {fusion}", (name, DENSE), hits)
    return found


def values(report: RunReport, metric: str) -> list[float]:
    """Return each query's metric, in the order of their ids."""
    return [report.per_query[each][metric] for each in sorted(report.per_query)]


def compared(found: Mapping[str, tuple[RunReport, tuple[str, ...]]]) -> dict[str, dict[str, Any]]:
    """Return the means of every system, and how those that fuse stand to their best leg."""
    results: dict[str, dict[str, Any]] = {
        name: {metric: report.metrics[metric] for metric in (NDCG, RECALL)}
        for name, (report, _) in found.items()
    }
    fused = {name: legs for name, (_, legs) in found.items() if legs}
    for metric in (NDCG, RECALL):
        tests = {}
        for name, legs in fused.items():
            best = max(legs, key=lambda leg: results[leg][metric])
            tests[name] = paired_test(
                values(found[name][0], metric), values(found[best][0], metric)
            )
            results[name][f"{metric} best leg"] = best
        corrected = holm([test.p for test in tests.values()])
        for (name, test), p in zip(tests.items(), corrected, strict=True):
            results[name][f"{metric} against best leg"] = {
                "difference": test.mean,
                "low": test.low,
                "high": test.high,
                "p": p,
                "wins": test.wins,
                "losses": test.losses,
            }
    return results


def measured(collection: str, asked: argparse.Namespace, model: SentenceTransformer) -> Any:
    """Return the results of one collection."""
    dataset = load_dataset(DATA / collection)
    folder = asked.runs / collection
    splade = SpladeEncoder(two_layer_folder(), device="cpu", max_length=MAX_TOKENS)
    with closing(indexed(folder, splade, model, dataset.corpus())) as first:
        bags = with_dense(dataset.corpus(), first)
        with closing(indexed(folder, Bm25Encoder(), model, bags)) as second:
            results = compared(searched(dict(zip(SPARSE, (first, second), strict=True)), dataset))
            return {
                "documents": first.count(),
                "queries": len(dataset.queries),
                "systems": results,
            }


def verdict(collections: Mapping[str, Any]) -> str:
    """Return a table that says how often each pair of legs gains by being fused."""
    header = ["legs, fusion", "collections", *(f"mean gain in {m}" for m in (NDCG, RECALL))]
    header += ["gains beyond chance", "losses beyond chance"]
    rows = []
    names = [f"{sparse} + {DENSE}, {fusion}" for sparse in SPARSE for fusion in FUSIONS]
    for name in names:
        told = [found["systems"][name] for found in collections.values()]
        gains = [each[f"{NDCG} against best leg"] for each in told]
        sure = [each["difference"] for each in gains if (each["p"] or 1.0) < 0.05]
        ahead = sum(each["difference"] > 0 for each in gains)
        means = [
            sum(each[f"{metric} against best leg"]["difference"] for each in told) / len(told)
            for metric in (NDCG, RECALL)
        ]
        rows.append(
            [
                name,
                f"better on {ahead} of {len(gains)}",
                *(f"{mean:+.3f}" for mean in means),
                sum(each > 0 for each in sure),
                sum(each < 0 for each in sure),
            ]
        )
    return table(header, rows)


def report(result: Mapping[str, Any]) -> str:
    """Lay the result out as Markdown."""
    explanation = (
        f"Sparse leg: the 2-layer SPLADE (weights {result['settings']['weights']}), or BM25. "
        f"Dense leg: all-MiniLM-L6-v2, exact search. Texts are cut at {MAX_TOKENS} tokens. "
        f"Each leg of a hybrid search fetches 400 hits, {LIMIT} are scored. "
        "RRF with k = 60 and equal weights, DBSF, and Weighted with alpha = 0.5: nothing was "
        "tuned. *Against its best leg*: mean "
        "difference to the better one of its two legs, which is chosen by the same queries, with "
        "its 95 % interval (bootstrap); p: paired t-test over queries, corrected after Holm within "
        "a collection."
    )
    parts = ["# Hybrid search", hardware_line(result["hardware"], result["versions"]), explanation]
    parts += ["## Does fusing help?", verdict(result["collections"])]
    header = ["system", NDCG, RECALL, f"{NDCG} against its best leg", "95 %", "p", "best leg"]
    for collection, found in result["collections"].items():
        rows = []
        for name, system in found["systems"].items():
            cells: list[object] = [name, f"{system[NDCG]:.3f}", f"{system[RECALL]:.3f}"]
            if told := system.get(f"{NDCG} against best leg"):
                cells += [
                    f"{told['difference']:+.3f}",
                    f"{told['low']:+.3f} to {told['high']:+.3f}",
                    f"{told['p']:.2g}",
                    system[f"{NDCG} best leg"],
                ]
            rows.append([*cells, *[""] * (len(header) - len(cells))])
        size = f"{found['documents']:,} documents, {found['queries']} queries"
        parts += [f"## {collection} ({size})", table(header, rows)]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--collections", nargs="+", default=["med", "cranfield", "cisi", "nfcorpus-preproc"]
    )
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "hybrid")
    parser.add_argument("--output", type=Path, default=RESULTS / "hybrid")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    machine = hardware()
    model = dense_model()
    result: dict[str, Any] = {
        "hardware": machine,
        "versions": versions("torch", "sentence-transformers", "qdrant-edge-py", "splade-sdk"),
        "settings": {
            "weights": SpladeEncoder(two_layer_folder()).fingerprint.revision[:12],
            "max_tokens": MAX_TOKENS,
            "limit": LIMIT,
        },
        "collections": {},
    }
    for collection in asked.collections:
        result["collections"][collection] = measured(collection, asked, model)
        print(collection, "done", flush=True)
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
