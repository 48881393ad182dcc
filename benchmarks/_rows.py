"""Training rows of the files beside the checkout."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import zstandard

from benchmarks._common import DATA


def training_file(name: str) -> Path:
    """Return the file of training pairs of this name."""
    path = DATA / "train" / f"{name}.jsonl.zst"
    if not path.is_file():
        raise SystemExit(f"{path} does not exist: the benchmark needs the training pairs in {DATA}")
    return path


def read_pairs(name: str, count: int | None = None) -> list[dict[str, str]]:
    """Return the first rows of a file, query and positive only; None takes all."""
    rows: list[dict[str, str]] = []
    with training_file(name).open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        for line in text:
            if len(rows) == count:
                break
            row = json.loads(line)
            rows.append({"query": row["query"], "positive": row["positive"]})
    return rows


def write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write JSONL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
    return path
