"""The bundled model beside BM25, a 2-layer SPLADE and its dense parent, on every collection.

What was found is kept; a run that was ended goes on where it was. No test query is trained on or
tuned to: the model was chosen by its own development set.

    python -m benchmarks.bundled
    python -m benchmarks.bundled --again benchmarks/results/bundled.json  # only times
    python -m benchmarks.bundled --others benchmarks/results/bundled.json  # only ours
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._common import (
    DATA,
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    read_queries,
    read_texts,
    table,
    versions,
    write_results,
)
from benchmarks._weights import TWO_LAYERS, mini_lm_folder, two_layer_folder
from benchmarks.hybrid import dense_model
from splade_sdk import Bm25Encoder, SparseBatch, SparseVector, SpladeEncoder
from splade_sdk.datasets.beir import BeirDataset, load_dataset
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.report import EvaluationReport, SideReport
from splade_sdk.evaluation.runner import evaluate, evaluate_modes
from splade_sdk.evaluation.significance import holm, paired_test
from splade_sdk.models.default import default_model_path
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import HybridBatch
from splade_sdk.types.arrays import FloatArray

NDCG = "nDCG@10"
MAX_TOKENS = 512
COLLECTIONS = (
    "scifact",
    "nfcorpus-preproc",
    "msmarco-dl19-full",
    "cranfield",
    "cisi",
    "med",
    "lisa",
    "time",
    "fiqa-gold-mini",
    "2wiki-mini",
)
BM25, TINY, PARENT = "BM25", TWO_LAYERS, "all-MiniLM-L6-v2, dense"
OURS: dict[Mode, str] = {"sparse": "ours, sparse", "dense": "ours, dense", "hybrid": "ours, hybrid"}
TABLE_QUERIES = "ours, document-only"
WITH_IDF: dict[Mode, str] = {"sparse": "ours, sparse, IDF", "hybrid": "ours, hybrid, IDF"}
OTHERS = (BM25, TINY, PARENT)
SYSTEMS = (*OTHERS, *OURS.values(), TABLE_QUERIES, *WITH_IDF.values())
COSTS = (
    "system",
    "terms a query",
    "terms a document",
    "FLOPS",
    "MB",
    "ms a query",
    "documents a second",
)
BY_TABLE: dict[str, Any] = {"query_token_weights": "learned"}


class DocumentsOnce:
    """Several encoders that differ in queries only, over the same documents, encoded once.

    Args:
        encoder: Makes the vectors.
        found: Both vectors of documents, which all share; the first encoder fills it.
    """

    def __init__(
        self, encoder: SpladeEncoder, found: dict[str, tuple[SparseVector, FloatArray]]
    ) -> None:
        self._encoder = encoder
        self._found = found
        self.fingerprint = encoder.fingerprint
        self.dense_dimensions = encoder.dense_dimensions
        self.document_settings = encoder.document_settings
        self.decode = encoder.decode

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        if side == "query":
            return self._encoder.encode_texts(texts, side=side, options=options)
        return self.encode_hybrid(texts, side=side, options=options).sparse

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        if side == "query":
            return self._encoder.encode_hybrid(texts, side=side, options=options)
        if new := [text for text in dict.fromkeys(texts) if text not in self._found]:
            made = self._encoder.encode_hybrid(new, side=side, options=options)
            self._found.update(zip(new, zip(made.sparse, made.dense, strict=True), strict=True))
        kept = [self._found[text] for text in texts]
        sparse = SparseBatch.from_vectors([each for each, _ in kept], self._encoder.dimensions)
        return HybridBatch(sparse, np.array([row for _, row in kept]))


def others(dataset: BeirDataset, common: Mapping[str, Any]) -> dict[str, EvaluationReport]:
    """Return reports of the systems that ours is compared with."""
    tiny = SpladeEncoder(two_layer_folder(), device="cpu", max_length=MAX_TOKENS)
    parent: dict[str, Any] = {"mode": "dense", "dense_encoder": dense_model()}
    return {
        BM25: evaluate(Bm25Encoder(), dataset, **common),
        TINY: evaluate(tiny, dataset, **common),
        PARENT: evaluate(Bm25Encoder(), dataset, **parent, **common),
    }


def ours(
    model: Path, dataset: BeirDataset, common: Mapping[str, Any]
) -> dict[str, EvaluationReport]:
    """Return reports of the model's own ways to search."""
    vectors: dict[str, tuple[SparseVector, FloatArray]] = {}
    encoder, by_table, with_idf = (
        DocumentsOnce(
            SpladeEncoder(model, device="cpu", max_length=MAX_TOKENS, **settings), vectors
        )
        for settings in ({}, BY_TABLE, {"idf": True})
    )
    found = dict(
        zip(OURS.values(), evaluate_modes(encoder, dataset, list(OURS), **common), strict=True)
    )
    found[TABLE_QUERIES] = evaluate(by_table, dataset, **common)
    reports = evaluate_modes(with_idf, dataset, list(WITH_IDF), **common)
    return found | dict(zip(WITH_IDF.values(), reports, strict=True))


def milliseconds_a_query(encode: Callable[[str], object], queries: Sequence[str]) -> float:
    """Return the median time of encoding one query alone."""
    times = []
    for query in queries:
        before = time.perf_counter()
        encode(query)
        times.append(time.perf_counter() - before)
    return 1000 * statistics.median(times)


def documents_a_second(model: Path, texts: Sequence[str], rounds: int = 3) -> dict[str, float]:
    """Return the median rate of each system that encodes documents, in turns."""
    parent = dense_model()
    tiny, own = (
        SpladeEncoder(folder, device="cpu", max_length=MAX_TOKENS)
        for folder in (two_layer_folder(), model)
    )
    encoders: dict[str, Callable[[Sequence[str]], object]] = {
        BM25: Bm25Encoder().encode_document,
        TINY: tiny.encode_document,
        PARENT: lambda listed: parent.encode(list(listed)),
        OURS["sparse"]: own.encode_document,
        OURS["hybrid"]: lambda listed: own.encode_document(listed, dense=True),
    }
    rates: dict[str, list[float]] = {system: [] for system in encoders}
    for _ in range(rounds):
        for system, encode in encoders.items():
            before = time.perf_counter()
            encode(texts)
            rates[system].append(len(texts) / (time.perf_counter() - before))
    return {system: statistics.median(each) for system, each in rates.items()}


def size_mb(folder: Path) -> float:
    """Return the size of a model's folder in MB of 10**6 bytes."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6


def summary(found: Mapping[str, Mapping[str, EvaluationReport]]) -> dict[str, dict[str, Any]]:
    """Return the means of each system evaluated; those of terms are means over texts."""
    told: dict[str, dict[str, Any]] = {}
    for system in next(iter(found.values())):
        reports = [each[system] for each in found.values()]
        documents = [each.documents for each in reports if each.documents]
        queries = [each.queries for each in reports]
        told[system] = {
            NDCG: {name: each[system].metrics[NDCG] for name, each in found.items()},
            "mean": statistics.fmean(each.metrics[NDCG] for each in reports),
            "document_active_dims": mean_active_dims(documents),
            "query_active_dims": mean_active_dims(queries),
            "flops": statistics.fmean(each.flops or 0.0 for each in reports),
        }
    return told


def mean_active_dims(sides: Sequence[SideReport]) -> float:
    """Return the mean number of active terms a text."""
    return sum(each.active_dims * each.texts for each in sides) / sum(each.texts for each in sides)


def differences(systems: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return rows that tell how ours stand to the others, by paired tests over collections."""
    of = {system: list(told[NDCG].values()) for system, told in systems.items()}
    pairs = [(OURS["sparse"], other) for other in OTHERS]
    alone = (*OTHERS, OURS["sparse"], OURS["dense"], TABLE_QUERIES)
    pairs += [(OURS["hybrid"], other) for other in alone]
    pairs += [(TABLE_QUERIES, OURS["sparse"])]
    pairs += [(WITH_IDF["sparse"], other) for other in (*OTHERS, OURS["sparse"])]
    pairs += [(WITH_IDF["hybrid"], OURS["hybrid"])]
    tests = [paired_test(of[one], of[other]) for one, other in pairs]
    corrected = holm([test.p for test in tests])
    return [
        [
            f"{one} - {other}",
            f"{test.mean:+.3f}",
            f"{test.low:+.3f} to {test.high:+.3f}",
            f"{test.wins} of {len(of[one])}",
            "" if p is None else f"{p:.2g}",
        ]
        for (one, other), test, p in zip(pairs, tests, corrected, strict=True)
    ]


def costs(result: Mapping[str, Any]) -> list[list[object]]:
    """Return a row of what each system costs."""
    rows: list[list[object]] = []
    for system in SYSTEMS:
        told = result["systems"][system]
        terms = [f"{told[f'{side}_active_dims']:.1f}" for side in ("query", "document")]
        rows.append(
            [
                system,
                *(["", "", ""] if system.endswith("dense") else [*terms, f"{told['flops']:.2f}"]),
                result["sizes_mb"].get(system, ""),
                result["query_ms"].get(system, ""),
                result["documents_per_s"].get(system, ""),
            ]
        )
    return rows


def report(result: Mapping[str, Any]) -> str:
    """Lay the result out as Markdown."""
    systems, measured = result["systems"], result["measured"]
    rows = [
        [name, *(f"{systems[system][NDCG][name]:.3f}" for system in SYSTEMS)]
        for name in result["collections"]
    ]
    rows.append(["**mean**", *(f"**{systems[system]['mean']:.3f}**" for system in SYSTEMS)])
    return f"""# The bundled model

{hardware_line(result["hardware"], result["versions"])}

Weights {result["weights"]}. nDCG@10 of exact search; texts are cut at {MAX_TOKENS} tokens, for
all-MiniLM-L6-v2 at its own 256; hybrid: RRF with k = 60 of the model's own two vectors; IDF: query
weights times the inverse document frequency in the collection, which BM25 has too, and the 2-layer
SPLADE was not given. Nothing was tuned on these queries.

Ours were measured on {measured["ours"]}, the others on {measured["others"]}.

{table(["collection", *SYSTEMS], rows)}

Differences over the collections, each of which counts once: 95 % interval by bootstrap, collections
won, and p of a paired t-test, corrected after Holm.

{table(["difference", "mean", "95 %", "won", "p"], result["differences"])}

Active terms, FLOPS (mean over collections), size on disk, the median time of encoding one query
alone, and documents encoded a second, of {result["texts"]} of scifact (hybrid: both vectors in one
pass):

{table(COSTS, costs(result))}
"""


def quality(
    model: Path, collections: Sequence[str], cache: Path, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Evaluate every system on every collection; encodings are kept in a cache.

    Args:
        model: Folder of ours.
        collections: Their names.
        cache: Folder of encodings.
        known: What an earlier run told of the others, which are then not evaluated again; empty
            for none.

    Raises:
        SystemExit: if what is known is of other collections.
    """
    if known and known["collections"] != list(collections):
        raise SystemExit(f"the earlier results are of {', '.join(known['collections'])}")
    common = {"metrics": [NDCG], "engine": "memory", "cache": cache}
    found = {}
    for name in collections:
        dataset = load_dataset(DATA / name)
        found[name] = ({} if known else others(dataset, common)) | ours(model, dataset, common)
        print(name, {s: round(r.metrics[NDCG], 3) for s, r in found[name].items()}, flush=True)
    kept = {system: known["systems"][system] for system in OTHERS} if known else {}
    systems = kept | summary(found)
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return {
        "collections": list(found),
        "systems": systems,
        "differences": differences(systems),
        "measured": {"ours": today, "others": known["measured"]["others"] if known else today},
    }


def require_same_systems(before: Mapping[str, Any], own: SpladeEncoder, file: Path) -> None:
    """Check that earlier results are of these systems.

    Raises:
        SystemExit: if they are not.
    """
    if before["weights"] != own.fingerprint.revision[:12]:
        raise SystemExit(f"{file} tells of other weights, {before['weights']}")
    if lacking := [system for system in SYSTEMS if system not in before["systems"]]:
        raise SystemExit(f"{file} tells nothing of {', '.join(lacking)}")


def times(model: Path, texts: int) -> dict[str, Any]:
    """Time documents by the second and queries one by one; name the weights."""
    tiny, own = (SpladeEncoder(folder, device="cpu") for folder in (two_layer_folder(), model))
    by_table = SpladeEncoder(model, device="cpu", **BY_TABLE)
    queries = read_queries("scifact", 200)
    rates = documents_a_second(model, read_texts("scifact", texts))
    return {
        "weights": own.fingerprint.revision[:12],
        "texts": texts,
        "documents_per_s": {system: round(rate) for system, rate in rates.items()},
        "query_ms": {
            TINY: round(milliseconds_a_query(tiny.encode_query, queries), 2),
            OURS["sparse"]: round(milliseconds_a_query(own.encode_query, queries), 2),
            TABLE_QUERIES: round(milliseconds_a_query(by_table.encode_query, queries), 3),
        },
        "sizes_mb": {
            TINY: round(size_mb(two_layer_folder()), 1),
            PARENT: round(size_mb(mini_lm_folder()), 1),
            OURS["sparse"]: round(size_mb(model), 1),
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a folder; without it, the bundled one")
    parser.add_argument("--collections", nargs="+", default=list(COLLECTIONS))
    parser.add_argument("--texts", type=int, default=256, help="whose encoding is timed")
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "evaluation")
    parser.add_argument("--output", type=Path, default=RESULTS / "bundled")
    parser.add_argument(
        "--again", type=Path, help="results (.json) of the same weights to time anew"
    )
    parser.add_argument(
        "--others", type=Path, help="results (.json) to take the other systems' quality from"
    )
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    machine = hardware()
    model = asked.model or default_model_path()
    before = json.loads(asked.again.read_text(encoding="utf-8")) if asked.again else None
    if before:
        require_same_systems(before, SpladeEncoder(model, device="cpu"), asked.again)
    known = json.loads(asked.others.read_text(encoding="utf-8")) if asked.others else {}
    found = before or quality(model, asked.collections, asked.cache, known)
    timed = times(model, asked.texts)
    used = versions("torch", "transformers", "sentence-transformers", "splade-sdk")
    result = found | timed | {"hardware": machine, "versions": used}
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
