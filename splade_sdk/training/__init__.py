"""Fine-tuning and distillation of SPLADE models (extra ``train``).

Names load on first use (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_sdk.training.config import TrainingConfig, load_config, parse_config
    from splade_sdk.training.negatives import mine_negatives
    from splade_sdk.training.run import train
    from splade_sdk.training.teach import score_pairs

_HOMES = {
    "TrainingConfig": "splade_sdk.training.config",
    "load_config": "splade_sdk.training.config",
    "mine_negatives": "splade_sdk.training.negatives",
    "parse_config": "splade_sdk.training.config",
    "score_pairs": "splade_sdk.training.teach",
    "train": "splade_sdk.training.run",
}

__all__ = [
    "TrainingConfig",
    "load_config",
    "mine_negatives",
    "parse_config",
    "score_pairs",
    "train",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
