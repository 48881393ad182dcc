"""What a load of 100 million documents takes, from rates that were measured here.

    python -m benchmarks.sizing
    python -m benchmarks.sizing --documents 5000000 --terms 150 --dense 384 --cores 64

Rates come from ``results/encode.json`` (two threads of one machine), bytes from
``results/pruning.json``; everything else is an assumption, and an argument.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks._common import RESULTS, table

HNSW_M = 16  # Qdrant's default: each node has 2 m edges on the lowest level, of 4 bytes each


@dataclass(frozen=True)
class Load:
    """What is to be loaded, and on what.

    Attributes:
        documents: Number of them.
        tokens: Of a document; 100 and 250 were measured.
        terms: Active terms of its vector.
        dense: Dimensions of its dense vector; 0 for none.
        payload_bytes: Of its text and metadata, as stored.
        cores: That encode.
        replicas: Copies in Qdrant.
        shard_gb: What one shard should hold at most.
    """

    documents: int = 100_000_000
    tokens: int = 250
    terms: int = 150
    dense: int = 384
    payload_bytes: int = 1_500
    cores: int = 64
    replicas: int = 2
    shard_gb: float = 50.0


def encoding_rates(tokens: int) -> dict[str, float]:
    """Return documents a second and core, by model."""
    measured = read("encode")
    return {
        name: case["ours_texts_per_s"] / measured["threads"]
        for name, model in measured["models"].items()
        for case in model["cases"]
        if case["length"] == tokens
    }


def bytes_a_term() -> float:
    """Return what a term more takes in the index: the slope between two prunings of scifact."""
    scifact = read("pruning")["collections"]["scifact"]
    whole, pruned = (scifact["variants"][name] for name in ("all", "documents: 96 terms"))
    more = whole["index_bytes"] - pruned["index_bytes"]
    terms = scifact["documents"] * (whole["document_terms"] - pruned["document_terms"])
    return float(more / terms)


def read(name: str) -> Mapping[str, Any]:
    result: Mapping[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def report(load: Load) -> str:
    """Return the sizes as Markdown."""
    sparse = load.terms * bytes_a_term()
    dense = load.dense * 4 + (2 * HNSW_M * 4 if load.dense else 0)
    kinds = {"sparse vectors": sparse, "dense vectors and graph": dense}
    kinds["payload"] = load.payload_bytes
    rows: list[list[object]] = []
    for model, rate in encoding_rates(load.tokens).items():
        hours = load.documents / rate / 3600
        told = f"{hours:,.0f} core hours, {hours / load.cores:,.0f} hours on {load.cores} cores"
        rows.append([f"encode, {model} model, {load.tokens} tokens", f"{rate:.1f} a second", told])
    for kind, size in kinds.items():
        whole = load.documents * size / 1e9
        rows.append([kind, f"{size:,.0f} bytes", f"{whole:,.0f} GB"])
    whole = load.documents * sum(kinds.values()) / 1e9
    shards = -(-whole // load.shard_gb)
    rows.append(["one copy", f"{sum(kinds.values()):,.0f} bytes", f"{whole:,.0f} GB"])
    rows.append(["shards", f"{load.shard_gb:g} GB each", f"{shards:,.0f}"])
    rows.append(
        ["all copies", f"{load.replicas} of each shard", f"{whole * load.replicas:,.0f} GB"]
    )
    return table(["what", "a document, core or copy", f"{load.documents:,} documents"], rows)


def main() -> None:
    """Print the sizes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in vars(Load()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    print(report(Load(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
