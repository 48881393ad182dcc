"""What running an ingest again costs, and what encoding while storing gains.

    python -m benchmarks.ingest                      # a SPLADE model of 2 layers, or --model bm25
    python -m benchmarks.ingest --documents 5000 --collection scifact

The embedded engine holds Python's lock while it stores; the encoder releases it inside its matrix
products. So the overlap is measured on the embedded engine, and on the same engine behind a delay
that makes storing take as long as encoding, as a server far away would.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks._common import (
    RESULTS,
    hardware,
    hardware_line,
    read_texts,
    table,
    versions,
    write_results,
)
from benchmarks._vectors import texts
from benchmarks._weights import TWO_LAYERS, two_layer_folder
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.encoders.bm25 import Bm25Encoder
from splade_sdk.encoders.splade import SpladeEncoder
from splade_sdk.qdrant.base import Point
from splade_sdk.qdrant.embedded import EmbeddedCollection
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.ingest.options import UpsertOptions
from splade_sdk.retrieval.ingest.run import upsert
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, IngestReport, SparseBatch

BATCH = 128
WORDS = 12


class Counting:
    """An encoder that counts the texts it encodes."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.fingerprint = encoder.fingerprint
        self.document_settings = getattr(encoder, "document_settings", "")
        self.encoded = 0

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        self.encoded += len(texts) if side == "document" else 0
        made: SparseBatch = self._encoder.encode_texts(texts, side=side, options=options)
        return made


class Delayed(EmbeddedCollection):
    """The embedded engine behind a delay in seconds a document."""

    delay_s = 0.0

    def upsert(self, points: Sequence[Point]) -> None:
        super().upsert(points)
        time.sleep(self.delay_s * len(points))


def measure_again(encoder: Any, documents: int) -> dict[str, Any]:
    """Ingest short documents twice, and then with other metadata."""
    counting: Any = Counting(encoder)
    short = list(islice(texts(WORDS, 3), documents))

    def run(retriever: Retriever, version: int) -> dict[str, float]:
        counting.encoded = 0
        started = perf_counter()
        report = retriever.upsert(
            (Document(f"doc-{n}", text, {"version": version}) for n, text in enumerate(short)),
            show_progress_bar=False,
        )
        return {
            "s": perf_counter() - started,
            "stored": report.stored,
            "skipped": report.skipped,
            "encoded": counting.encoded,
        }

    with (
        tempfile.TemporaryDirectory() as folder,
        Retriever(path=folder, encoder=counting) as retriever,
    ):
        return {
            "first run": run(retriever, 1),
            "again, unchanged": run(retriever, 1),
            "again, other metadata": run(retriever, 2),
        }


def measure_overlap(encoder: Any, given: Sequence[str], *, far: bool) -> dict[str, float]:
    """Encode alone, store alone, and both; the engine near, or as slow as the encoder."""
    plain = [Document(f"doc-{n}", text) for n, text in enumerate(given)]
    starts = range(0, len(plain), BATCH)
    encoder.encode_document(given[:BATCH], show_progress_bar=False)
    started = perf_counter()
    vectors = [
        vector
        for at in starts
        for vector in encoder.encode_document(given[at : at + BATCH], show_progress_bar=False)
    ]
    encode_s = perf_counter() - started
    ready = [Document(d.id, d.text, vector=v) for d, v in zip(plain, vectors, strict=True)]

    def ingest(documents: Sequence[Document], delay_s: float) -> tuple[float, IngestReport]:
        with (
            tempfile.TemporaryDirectory() as folder,
            Delayed.open(folder, name="docs", fingerprint=encoder.fingerprint) as collection,
        ):
            collection.delay_s = delay_s
            started = perf_counter()
            options = UpsertOptions(batch_size=BATCH, show_progress_bar=False)
            report = upsert(documents, collection, EncoderPair(encoder, False), options)
            taken = perf_counter() - started
            assert report.stored == len(documents) == collection.count()
            return taken, report

    store_s, _ = ingest(ready, 0.0)
    delay_s = max(0.0, encode_s - store_s) / len(ready) if far else 0.0
    if far:
        store_s, _ = ingest(ready, delay_s)
    both_s, report = ingest(plain, delay_s)
    return {
        "documents": len(plain),
        "encode_s": encode_s,
        "store_s": store_s,
        "both_s": both_s,
        "ratio_to_slower": both_s / max(encode_s, store_s),
        "ratio_to_sum": both_s / (encode_s + store_s),
        "report_encode_s": report.encode_s,
        "report_store_s": report.store_s,
    }


def report(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    first = result["again"]["first run"]["s"]
    again = [
        [name, run["s"], f"{run['s'] / first:.1%}", run["encoded"], run["stored"], run["skipped"]]
        for name, run in result["again"].items()
    ]
    overlap = [
        [
            name,
            run["encode_s"],
            run["store_s"],
            run["both_s"],
            run["ratio_to_slower"],
            run["ratio_to_sum"],
        ]
        for name, run in result["overlap"].items()
    ]
    count = next(iter(result["overlap"].values()))["documents"]
    about_again = (
        f"Encoder: {result['model']}. The same {result['documents']:,} documents of {WORDS} words, "
        "through `Retriever.upsert` into the embedded engine:"
    )
    about_overlap = (
        f"{count:,} documents of {result['collection']}, {BATCH} a batch, in seconds. The far "
        "engine is the embedded one behind a delay that makes storing as slow as encoding:"
    )
    return "\n\n".join(
        [
            "# What running an ingest again costs, and what encoding while storing gains",
            hardware_line(result["hardware"], result["versions"]),
            about_again,
            table(["", "s", "of the first", "encoded", "stored", "unchanged"], again),
            about_overlap,
            table(
                ["engine", "encode alone", "store alone", "both", "of the slower", "of the sum"],
                overlap,
            ),
        ]
    )


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--collection", default="scifact")
    parser.add_argument("--overlap-documents", type=int, default=2_000)
    parser.add_argument("--model", help="name or folder; bm25 for the bag-of-words baseline")
    parser.add_argument("--output", type=Path, default=RESULTS / "ingest")
    given = parser.parse_args()
    encoder: Any = (
        Bm25Encoder() if given.model == "bm25" else SpladeEncoder(given.model or two_layer_folder())
    )
    real = read_texts(given.collection, given.overlap_documents)
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("splade-sdk", "qdrant-edge-py", "torch", "numpy"),
        "model": Path(given.model).name if given.model else TWO_LAYERS,
        "documents": given.documents,
        "collection": given.collection,
        "again": measure_again(encoder, given.documents),
        "overlap": {
            "near": measure_overlap(encoder, real, far=False),
            "far": measure_overlap(encoder, real, far=True),
        },
    }
    markdown = report(result)
    print(markdown)
    write_results(given.output, result, markdown)


if __name__ == "__main__":
    main()
