"""Where the time of a cold evaluation goes: encoding should be nearly all of it.

python -m benchmarks.evaluate
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks._common import (
    DATA,
    RESULTS,
    hardware,
    hardware_line,
    table,
    versions,
    write_results,
)
from benchmarks._weights import two_layer_folder
from splade_sdk import SpladeEncoder
from splade_sdk.datasets.beir import load_dataset
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.runner import evaluate

MAX_TOKENS = 256


def report(result: Mapping[str, Any]) -> str:
    """Lay the result out as Markdown."""
    seconds, told = result["seconds"], result["settings"]
    total = sum(seconds.values())
    rows = [[part, f"{spent:.1f}", f"{spent / total:.1%}"] for part, spent in seconds.items()]
    explanation = (
        f"`evaluate` on {told['collection']} ({told['documents']:,} documents, {told['queries']} "
        f"queries), the 2-layer SPLADE, texts cut at {MAX_TOKENS} tokens, embedded engine, nothing "
        "cached: what the report's own `seconds` say."
    )
    return "\n\n".join(
        [
            "# Where the time of an evaluation goes",
            hardware_line(result["hardware"], result["versions"]),
            explanation,
            table(["part", "seconds", "share"], [*rows, ["all", f"{total:.1f}", "100.0%"]]),
            f"nDCG@10 {result['metrics']['nDCG@10']:.3f}",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collection", default="scifact")
    parser.add_argument("--output", type=Path, default=RESULTS / "evaluate")
    asked = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    machine = hardware()
    dataset = load_dataset(DATA / asked.collection)
    found = evaluate(
        SpladeEncoder(two_layer_folder(), device="cpu", max_length=MAX_TOKENS), dataset
    )
    documents = found.documents.texts if found.documents else 0
    result: dict[str, Any] = {
        "hardware": machine,
        "versions": versions("torch", "qdrant-edge-py", "splade-sdk"),
        "settings": {
            "collection": dataset.name,
            "documents": documents,
            "queries": found.queries.texts,
        },
        "seconds": asdict(found.seconds),
        "metrics": dict(found.metrics),
    }
    markdown = report(result)
    write_results(asked.output, result, markdown)
    print(markdown)


if __name__ == "__main__":
    main()
