"""What the SDK adds to the embedded engine: search time, ingest rate, memory.

    python -m benchmarks.search                        # 10,000 and 100,000 documents
    python -m benchmarks.search --documents 10000 --skip-memory

Ours and the bare engine run in the same process and take turns, so that both see the same
machine. Vectors are made beforehand; the bare side does what any user of qdrant_edge has to do
as well (arrays to lists, points, a query with its payload).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge

from benchmarks._common import (
    RESULTS,
    ROOT,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)
from benchmarks._vectors import (
    CHUNK,
    DOCUMENT_TERMS,
    FINGERPRINT,
    QUERY_TERMS,
    ReadyVectors,
    texts,
    vectors,
)
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.embedded import EmbeddedCollection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseVector

LIMIT = 10
STREAM = 100_000


class BareEngine:
    """qdrant_edge as its own documentation uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        params = {"splade": edge.EdgeSparseVectorParams()}
        self.shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(sparse_vectors=params))
        self.stored = 0

    def upsert(self, batch: list[Document]) -> None:
        points = []
        for document in batch:
            assert document.vector is not None
            indices, values = document.vector.indices.tolist(), document.vector.values.tolist()
            self.stored += 1
            points.append(
                edge.Point(
                    str(UUID(int=self.stored)),
                    {"splade": edge.SparseVector(indices, values)},
                    {"doc_id": document.id, "text": document.text, "metadata": document.metadata},
                )
            )
        self.shard.update(edge.UpdateOperation.upsert_points(points))

    def search(self, vector: SparseVector) -> list[float]:
        query = edge.SparseVector(vector.indices.tolist(), vector.values.tolist())
        found = self.shard.query(
            edge.QueryRequest(
                limit=LIMIT,
                query=edge.Query.Nearest(query, using="splade"),
                with_payload=True,
            )
        )
        return [point.score for point in found]


def document_batches(seed: int = 1) -> Iterator[list[Document]]:
    """Yield batches of documents with their vectors, without end."""
    described = texts(20, seed)
    number = 0
    for batch in vectors(DOCUMENT_TERMS, seed):
        made = []
        for vector in batch:
            made.append(Document(f"doc-{number}", next(described), {"year": number % 50}, vector))
            number += 1
        yield made


def take_turns(
    rounds: int, contenders: dict[str, Callable[[int], object]]
) -> dict[str, list[float]]:
    """Return the seconds of each call; each round starts with another contender."""
    names = list(contenders)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = perf_counter()
            contenders[name](turn)
            taken[name].append(perf_counter() - started)
    return taken


def measure(documents: int, queries: int) -> dict[str, Any]:
    """Ingest and search with the three contenders at one size."""
    batches = list(islice(document_batches(), documents // CHUNK))
    asked = [v for batch in islice(vectors(QUERY_TERMS, 7), queries // CHUNK + 1) for v in batch]
    with tempfile.TemporaryDirectory() as folder:
        bare = BareEngine(Path(folder) / "bare")
        collection = EmbeddedCollection.open(
            Path(folder) / "ours", name="docs", fingerprint=FINGERPRINT
        )
        encoder: Any = ReadyVectors(asked)
        retriever = Retriever(path=Path(folder) / "retriever", encoder=encoder)

        def upsert_points(turn: int) -> None:
            collection.upsert([_point(document) for document in batches[turn]])

        ingest = take_turns(
            len(batches),
            {
                "qdrant_edge": lambda turn: bare.upsert(batches[turn]),
                "EmbeddedCollection": upsert_points,
                "Retriever": lambda turn: retriever.upsert(
                    batches[turn], batch_size=CHUNK, show_progress_bar=False
                ),
            },
        )
        for query in range(0, queries, 10):
            expected = bare.search(asked[query])
            found = [hit.score for hit in retriever.search(str(query), limit=LIMIT)]
            assert np.allclose(found, expected, rtol=1e-5), (found, expected)
        search = take_turns(
            queries,
            {
                "qdrant_edge": lambda turn: bare.search(asked[turn]),
                "EmbeddedCollection": lambda turn: collection.search(
                    SearchRequest(asked[turn], limit=LIMIT)
                ),
                "Retriever": lambda turn: retriever.search(str(turn), limit=LIMIT),
            },
        )
        collection.close()
        retriever.close()
    return {
        "documents": len(batches) * CHUNK,
        "queries": queries,
        "ingest_points_per_s": {
            name: len(batches) * CHUNK / sum(taken) for name, taken in ingest.items()
        },
        "search_ms": {
            name: {
                "p50": float(np.percentile(taken, 50)) * 1e3,
                "p95": float(np.percentile(taken, 95)) * 1e3,
            }
            for name, taken in search.items()
        },
    }


def _point(document: Document) -> Point:
    assert document.vector is not None
    payload = {"doc_id": document.id, "text": document.text, "metadata": document.metadata}
    return Point(point_id(document.id), document.vector, payload)


def stream(contender: str) -> None:
    """Run in a child: store a stream of documents, and print the highest memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        batches = islice(document_batches(), STREAM // CHUNK)
        before = _peak_mb()
        if contender == "qdrant_edge":
            bare = BareEngine(Path(folder) / "bare")
            for batch in batches:
                bare.upsert(batch)
        else:
            encoder: Any = ReadyVectors([])
            with Retriever(path=Path(folder) / "ours", encoder=encoder) as retriever:
                retriever.upsert(
                    (document for batch in batches for document in batch), show_progress_bar=False
                )
        sys.stdout.write(json.dumps({"before_mb": before, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """Return the highest resident memory of this process."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell the parent's peak, if that was higher
        [line] = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure_memory() -> dict[str, dict[str, float]]:
    """Return what a stream of documents takes in memory, each contender in its own process."""
    made = {}
    for contender in ("qdrant_edge", "Retriever"):
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.search", "--stream", contender],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        made[contender] = json.loads(told.stdout)
    return made


def report(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    about = (
        f"Synthetic vectors: {DOCUMENT_TERMS} terms a document, {QUERY_TERMS} a query, "
        f"{FINGERPRINT.dimensions:,} dimensions. Top {LIMIT} with payload. Times in ms; all "
        "contenders take turns in one process."
    )
    parts = [
        "# What the SDK adds to the embedded engine",
        hardware_line(result["hardware"], result["versions"]),
        about,
    ]
    rows = []
    for size in result["sizes"]:
        bare_ms = size["search_ms"]["qdrant_edge"]
        bare_rate = size["ingest_points_per_s"]["qdrant_edge"]
        for name, taken in size["search_ms"].items():
            rate = size["ingest_points_per_s"][name]
            rows.append(
                [
                    f"{size['documents']:,}",
                    name,
                    taken["p50"],
                    taken["p95"],
                    f"{taken['p50'] - bare_ms['p50']:+.2f}",
                    f"{rate:,.0f}",
                    f"{rate / bare_rate:.0%}",
                ]
            )
    header = ["documents", "", "search p50", "p95", "added p50", "ingest points/s", "of bare"]
    parts.append(table(header, rows))
    if memory := result.get("memory"):
        grown = {name: m["peak_mb"] - m["before_mb"] for name, m in memory.items()}
        rows = [
            [name, m["before_mb"], m["peak_mb"], grown[name], grown[name] - grown["qdrant_edge"]]
            for name, m in memory.items()
        ]
        header = [
            f"stream of {STREAM:,}",
            "before, MB",
            "peak, MB",
            "growth, MB",
            "beyond bare, MB",
        ]
        parts.append(table(header, rows))
    return "\n\n".join(parts)


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS / "search")
    parser.add_argument("--stream", choices=["qdrant_edge", "Retriever"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stream:
        stream(given.stream)
        return
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("splade-sdk", "qdrant-edge-py", "qdrant-client", "numpy"),
        "sizes": [measure(documents, given.queries) for documents in given.documents],
    }
    if not given.skip_memory:
        result["memory"] = measure_memory()
    markdown = report(result)
    print(markdown)
    write_results(given.output, result, markdown)


if __name__ == "__main__":
    main()
