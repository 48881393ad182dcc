"""How good a system is on a test collection, what it costs, and how to tune it.

>>> from splade_sdk.evaluation import evaluate, load_dataset  # doctest: +SKIP

Names load on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_sdk.datasets.beir import BeirDataset, load_dataset
    from splade_sdk.evaluation.comparison import Comparison, compare
    from splade_sdk.evaluation.expansions import compare_expansions
    from splade_sdk.evaluation.report import EvaluationReport, RunReport
    from splade_sdk.evaluation.runner import evaluate, evaluate_modes, evaluate_run
    from splade_sdk.evaluation.trec import read_qrels, read_run, write_qrels, write_run
    from splade_sdk.evaluation.tuning.report import TuningReport
    from splade_sdk.evaluation.tuning.tune import tune

_HOMES = {
    "BeirDataset": "splade_sdk.datasets.beir",
    "Comparison": "splade_sdk.evaluation.comparison",
    "EvaluationReport": "splade_sdk.evaluation.report",
    "RunReport": "splade_sdk.evaluation.report",
    "TuningReport": "splade_sdk.evaluation.tuning.report",
    "compare": "splade_sdk.evaluation.comparison",
    "compare_expansions": "splade_sdk.evaluation.expansions",
    "evaluate": "splade_sdk.evaluation.runner",
    "evaluate_modes": "splade_sdk.evaluation.runner",
    "evaluate_run": "splade_sdk.evaluation.runner",
    "load_dataset": "splade_sdk.datasets.beir",
    "read_qrels": "splade_sdk.evaluation.trec",
    "read_run": "splade_sdk.evaluation.trec",
    "tune": "splade_sdk.evaluation.tuning.tune",
    "write_qrels": "splade_sdk.evaluation.trec",
    "write_run": "splade_sdk.evaluation.trec",
}

__all__ = [
    "BeirDataset",
    "Comparison",
    "EvaluationReport",
    "RunReport",
    "TuningReport",
    "compare",
    "compare_expansions",
    "evaluate",
    "evaluate_modes",
    "evaluate_run",
    "load_dataset",
    "read_qrels",
    "read_run",
    "tune",
    "write_qrels",
    "write_run",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
