"""What distillation, hard negatives and the sparsity target each give: short runs of the recipe.

Every run starts from the same model, sees as many examples in as many steps, and leaves one thing
out; the development set judges. What the results hold for as many steps is kept, with its date.

    python -m recipes.bundled.candidates --negatives random:7 --name random \
        --teachers minilm:0.5 splade:0.5 bm25:1
    python -m recipes.bundled.ablation
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from benchmarks._common import RESULTS, hardware, hardware_line, table, versions, write_results
from splade_sdk.training import load_config, train

_RECIPE = Path(__file__).with_name("train.yaml")
_CONTRASTIVE = {"name": "infonce", "weight": 1.0, "options": {"temperature": 2.0}}
_DENSE_CONTRASTIVE = {"name": "infonce", "weight": 1.0, "options": {"temperature": 0.05}}

# What each run has in place of the recipe's; None leaves the key out.
LEFT_OUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "distillation": {
        "losses": [_CONTRASTIVE],
        "dense_losses": [_DENSE_CONTRASTIVE],
        "vector_distillation": None,
    },
    "the lexical teacher's vectors": {"vector_distillation": None},
    "hard negatives": {"data": [{"path": "../../runs/bundled/random.jsonl"}]},
    "the sparsity target": {"sparsity": {"query": None, "document": None}},
    "the base (the 2-layer SPLADE in its place)": {
        "model": {
            "base": "../../runs/bundled/splade-tiny",
            "max_query_tokens": 32,
            "max_document_tokens": 128,
            "dropout": 0.0,
        }
    },
}
_MEASURES = {
    "ndcg@10": "eval_ndcg@10",
    "query_terms": "eval_query_active_dims",
    "document_terms": "eval_document_active_dims",
    "flops": "eval_flops",
}
_DIGITS = (3, 0, 0, 2)
_COLUMNS = ("left out", "nDCG@10", "query terms", "document terms", "FLOPS", "measured")


def settings(left_out: str, steps: int, folder: Path) -> dict[str, Any]:
    """Return the recipe of one run.

    Args:
        left_out: Key of LEFT_OUT.
        steps: Of the optimiser.
        folder: Of the run.
    """
    recipe = yaml.safe_load(_RECIPE.read_text(encoding="utf-8"))
    recipe |= LEFT_OUT[left_out]
    recipe["optimizer"] |= {"max_steps": steps}
    recipe["evaluation"] |= {"every_steps": steps}
    recipe["checkpoints"] = {"every_steps": 50, "keep": 1}
    recipe["output_dir"] = str(folder)
    return {key: value for key, value in recipe.items() if value is not None}


def measured(folder: Path) -> dict[str, Any]:
    """Return the last evaluation of a run, and the day."""
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        rows: list[Mapping[str, str]] = [row for row in csv.DictReader(file) if row["eval_ndcg@10"]]
    found = {name: float(rows[-1][column]) for name, column in _MEASURES.items()}
    return found | {"measured": datetime.now(timezone.utc).strftime("%Y-%m-%d")}


def kept(results: Path, steps: int) -> dict[str, dict[str, Any]]:
    """Return what earlier results tell of runs of as many steps, by what they left out."""
    if not results.is_file():
        return {}
    told = json.loads(results.read_text(encoding="utf-8"))
    return dict(told["left_out"]) if told["steps"] == steps else {}


def main() -> None:
    """Train what has not been trained, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--runs", type=Path, default=Path("runs/bundled/ablation"))
    parser.add_argument("--output", type=Path, default=RESULTS / "bundled-ablation")
    asked = parser.parse_args()
    found = kept(asked.output.with_suffix(".json"), asked.steps)
    for name in LEFT_OUT:
        if name in found:
            continue
        words = "".join(each if each.isalnum() else " " for each in name).split()
        folder = (asked.runs / f"{asked.steps}-{'-'.join(words)}").resolve()
        if not (folder / "model").is_dir():
            values = settings(name, asked.steps, folder)
            file = _RECIPE.with_name(f".{folder.name}.yaml")  # paths are relative to its folder
            file.write_text(yaml.safe_dump(values), encoding="utf-8")
            try:
                train(load_config(file))
            finally:
                file.unlink()
        found[name] = measured(folder)
    result = {
        "hardware": hardware(),
        "versions": versions("splade-sdk", "torch", "transformers"),
        "steps": asked.steps,
        "left_out": found,
    }
    rows = [
        [
            name,
            *(
                f"{found[name][key]:.{digits}f}"
                for key, digits in zip(_MEASURES, _DIGITS, strict=True)
            ),
            found[name]["measured"],
        ]
        for name in LEFT_OUT
    ]
    about = (
        f"{asked.steps} steps of 16 queries each from the same start, with all of the recipe but "
        "one thing. Development set: 300 queries, 1,200 passages. The machine above is that of "
        "the last day."
    )
    markdown = "\n\n".join(
        [
            "# What the parts of the bundled model's recipe give",
            hardware_line(result["hardware"], result["versions"]),
            about,
            table(_COLUMNS, rows),
        ]
    )
    print(markdown)
    write_results(asked.output, result, markdown)


if __name__ == "__main__":
    main()
