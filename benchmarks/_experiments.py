"""Runs of an experiment: trained and evaluated once, then read from their folders."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._common import DATA
from splade_sdk import SpladeEncoder
from splade_sdk.datasets.beir import load_dataset
from splade_sdk.errors import TruncationWarning
from splade_sdk.evaluation.runner import evaluate
from splade_sdk.training.config import parse_config
from splade_sdk.training.run import train

METRIC = "nDCG@10"
# Tokens of a text in evaluation.
MAX_LENGTH = 256


def trained(folder: Path, values: Mapping[str, Any]) -> Path:
    """Train with these settings in a folder, unless that has been done; return the model.

    A folder of other settings is emptied first.
    """
    config = parse_config({**values, "output_dir": str(folder)})
    settings = folder / "config.json"
    if settings.is_file() and json.loads(settings.read_text()) != json.loads(
        config.model_dump_json()
    ):
        shutil.rmtree(folder)
    card = folder / "model" / "README.md"  # written last
    if not card.is_file():
        train(config)
    return card.parent


def evaluated(model: Path, collection: str, results: Path) -> dict[str, Any]:
    """Evaluate a model on a collection, unless that has been done."""
    weights = max(path.stat().st_mtime for path in model.rglob("*.safetensors"))
    if results.is_file() and results.stat().st_mtime > weights:
        found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        report = evaluate(
            SpladeEncoder(model, device="cpu", max_length=MAX_LENGTH),
            load_dataset(DATA / collection),
            metrics=[METRIC],
            engine="memory",
        )
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(report.to_dict()), encoding="utf-8")
    return report.to_dict()


def summary(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that are compared."""
    return {
        "ndcg@10": report["metrics"][METRIC],
        "flops": report["flops"],
        "query_active_dims": report["queries"]["active_dims"],
        "document_active_dims": report["documents"]["active_dims"],
    }
