"""What is seen of a run while it runs: a bar, and a line for each entry of the log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from transformers import TrainingArguments
from transformers.trainer_callback import ProgressCallback

__all__ = ["TrainingProgress", "progress_line"]


class TrainingProgress(ProgressCallback):
    """transformers' bar, with lines of the values that matter, on stderr."""

    def on_log(
        self,
        args: TrainingArguments,
        state: Any,
        control: Any,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Print the entry, if it has anything to show."""
        del args, control
        line = progress_line(logs or {})
        bar: Any = self.training_bar
        if line and bar is not None:
            bar.write(f"step {state.global_step}: {line}", file=sys.stderr)


def progress_line(values: Mapping[str, Any]) -> str:
    """Return the values of a log entry that matter, on one line; empty where there are none.

    >>> progress_line({"loss": 1.5, "ranking_loss": 1.2, "sparsity_loss": 0.3, "epoch": 2.0})
    'loss 1.5 (ranking 1.2, sparsity 0.3)'
    """
    parts = []
    if "loss" in values:
        parts.append(f"loss {values['loss']:.4g}")
        if "ranking_loss" in values and "sparsity_loss" in values:
            ranking, sparsity = values["ranking_loss"], values["sparsity_loss"]
            parts[0] += f" (ranking {ranking:.4g}, sparsity {sparsity:.4g})"
    for prefix, told in (("", "active terms"), ("eval_", "development: active terms")):
        query = values.get(f"{prefix}query_active_dims")
        document = values.get(f"{prefix}document_active_dims")
        if query is not None and document is not None:
            parts.append(f"{told} {query:.0f} a query, {document:.0f} a document")
    if "eval_flops" in values:
        parts.append(f"FLOPS {values['eval_flops']:.2f}")
    if "eval_ndcg@10" in values:
        parts.append(f"nDCG@10 {values['eval_ndcg@10']:.4f}")
    return ", ".join(parts)
