"""Draws the training pairs and the development sets.

Writes ``pairs.jsonl``, ``pool.jsonl`` (passages that negatives are mined from), the development
sets ``development*/`` in BEIR layout, and ``prepared.json`` with what was kept and dropped.

    python -m recipes.bundled.prepare --data ../shared/data --output runs/bundled
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipes.bundled.lines import read_zst, write_lines
from recipes.bundled.overlap import EvaluationTexts
from recipes.bundled.sources import DEVELOPMENT, TRAINING

# Further passages of each file that negatives may be mined from, for each drawn pair.
_POOL_SHARE = 0.5
_MIN_WORDS = 4


def drawn(name: str, count: int, data: Path, seen: set[str]) -> Iterator[dict[str, str]]:
    """Yield up to ``count`` rows of a file in a fixed random order, each text pair once."""
    rows = list(read_zst(data / "train" / f"{name}.jsonl.zst"))
    random.Random(f"{name} 0").shuffle(rows)  # noqa: S311 - no secret
    for row in rows:
        key = " ".join((row["query"] + "\n" + row["positive"]).lower().split())
        if key not in seen and len(row["positive"].split()) >= _MIN_WORDS and row["query"].strip():
            seen.add(key)
            yield {"query": row["query"].strip(), "positive": row["positive"].strip()}
            count -= 1
            if count == 0:
                return


def clean(
    rows: Iterator[dict[str, str]], evaluation: EvaluationTexts, dropped: Counter[str]
) -> Iterator[dict[str, str]]:
    """Leave out rows that an evaluation collection has, and count them."""
    for row in rows:
        if evaluation.has_query(row["query"]):
            dropped["queries"] += 1
        elif evaluation.has_passage(row["positive"]):
            dropped["passages"] += 1
        else:
            yield row


def write_development(rows: list[dict[str, str]], folder: Path) -> None:
    """Write a BEIR folder: every passage a document, every query with its passages."""
    passages = list(dict.fromkeys(row["positive"] for row in rows))
    number = {text: at for at, text in enumerate(passages)}
    queries = list(dict.fromkeys(row["query"] for row in rows))
    write_lines(
        folder / "corpus.jsonl",
        ({"_id": f"d{at}", "title": "", "text": text} for at, text in enumerate(passages)),
    )
    write_lines(
        folder / "queries.jsonl",
        ({"_id": f"q{at}", "text": text} for at, text in enumerate(queries)),
    )
    of = {text: at for at, text in enumerate(queries)}
    judged = dict.fromkeys((of[row["query"]], number[row["positive"]]) for row in rows)
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "qrels" / "dev.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{q}\td{d}\t1\n" for q, d in judged),
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies every count")
    asked = parser.parse_args()
    collections = sorted(
        path.parent for path in asked.data.glob("*/corpus.jsonl") if path.parent.name != "train"
    )
    evaluation = EvaluationTexts(collections)
    dropped: dict[str, Counter[str]] = {}
    kept: dict[str, int] = {}
    pairs: list[dict[str, str]] = []
    pool: list[str] = []
    seen: set[str] = set()
    for name, share in TRAINING.items():
        count = round(share * asked.scale)
        dropped[name] = Counter()
        rows = drawn(name, round(count * (1 + _POOL_SHARE)), asked.data, seen)
        found = list(clean(rows, evaluation, dropped[name]))
        pairs += found[:count]
        pool += [row["positive"] for row in found]
        kept[name] = len(found[:count])
    development: dict[str, list[dict[str, str]]] = {folder: [] for folder in DEVELOPMENT}
    for folder, shares in DEVELOPMENT.items():
        for name, count in shares.items():
            dropped[name] = Counter()
            rows = drawn(name, count, asked.data, seen)
            development[folder] += clean(rows, evaluation, dropped[name])
    random.Random(0).shuffle(pairs)  # noqa: S311 - no secret
    passages = list(dict.fromkeys(pool))
    write_lines(asked.output / "pairs.jsonl", pairs)
    write_lines(asked.output / "pool.jsonl", ({"text": text} for text in passages))
    for folder, judged in development.items():
        write_development(judged, asked.output / folder)
    told: dict[str, Any] = {
        "pairs": len(pairs),
        "passages in the pool": len(passages),
        "development pairs": {folder: len(rows) for folder, rows in development.items()},
        "kept": kept,
        "dropped as in an evaluation collection": {
            name: dict(counts) for name, counts in dropped.items() if counts
        },
        "evaluation collections": [path.name for path in collections],
    }
    (asked.output / "prepared.json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
