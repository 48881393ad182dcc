"""The model card of a trained model, from its settings and log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from splade_sdk.training.config import LossConfig, SparsityConfig, TrainingConfig

__all__ = ["write_card"]

_SHOWN = (
    ("loss", "loss"),
    ("query_active_dims", "active terms a query"),
    ("document_active_dims", "active terms a document"),
    ("eval_flops", "FLOPS on the development set"),
    ("eval_ndcg@10", "nDCG@10 on the development set"),
)

_DENSE_USE = """
One pass also gives dense vectors: `sparse, dense = encoder.encode(["a text"], dense=True)`.
"""


def write_card(
    folder: Path, config: TrainingConfig, log: Sequence[dict[str, float]], *, examples: int
) -> Path:
    """Write ``README.md`` into a model's folder.

    Args:
        folder: Of the model.
        config: What it was trained with.
        log: Of the run.
        examples: Training examples.

    Returns:
        The file.
    """
    path = folder / "README.md"
    model, optimizer = config.model, config.optimizer
    base = Path(model.base).name if Path(model.base).is_dir() else model.base
    sides = "queries and documents" if model.query_expansion else "documents only (SPLADE-doc)"
    results = "\n".join(
        f"| {told} | {_last(log, key):.4g} |" for key, told in _SHOWN if _last(log, key) is not None
    )
    sources = "\n".join(f"- `{each.path.name}`, weight {each.weight:g}" for each in config.data)
    path.write_text(
        f"""---
tags: [splade, sparse-retrieval, sentence-transformers, sparse-encoder]
pipeline_tag: feature-extraction
base_model: {json.dumps(base)}
---

# SPLADE model

Expands {sides} over the vocabulary of `{base}`, with {model.pooling} pooling.

```python
from splade_sdk import SpladeEncoder

encoder = SpladeEncoder("path/to/this/folder")
encoder.decode(encoder.encode("a text"), top_k=10)
```
{_DENSE_USE if config.has_dense else ""}
It also loads in sentence-transformers: `SparseEncoder("path/to/this/folder")`.

## At the end of training

| measure | value |
|---|---|
{results}

## Training

- {examples:,} examples; {"; ".join(_lessons(config))}
- sparsity: {_sparsity(config.sparsity)}
- batch of {optimizer.batch_size} x {optimizer.accumulation_steps}, learning rate \
{optimizer.learning_rate:g}, seed {config.seed}
- queries up to {model.max_query_tokens} tokens, documents up to {model.max_document_tokens}

Data:

{sources}

The licences of the base model and of the data above apply to this model; state them here before
passing it on.
""",
        encoding="utf-8",
    )
    return path


def _lessons(config: TrainingConfig) -> list[str]:
    """Return what was learned from, each in a few words."""
    told = [_losses(config.losses)]
    if config.dense_losses:
        told.append(f"dense vectors by {_losses(config.dense_losses)}")
    if config.vector_distillation is not None:
        teacher = Path(config.vector_distillation.teacher).name
        told.append(f"term weights of `{teacher}` x {config.vector_distillation.weight:g}")
    if config.dense_distillation is not None:
        teacher = Path(config.dense_distillation.teacher).name
        told.append(f"dense vectors of `{teacher}` x {config.dense_distillation.weight:g}")
    return told


def _losses(losses: Sequence[LossConfig]) -> str:
    return ", ".join(f"{each.name} x {each.weight:g}" for each in losses)


def _sparsity(sparsity: SparsityConfig) -> str:
    sides = (("query", sparsity.query), ("document", sparsity.document))
    target = sparsity.target_active_dims
    if target is not None:
        names = ", ".join(f"{side} {part.name}" for side, part in sides if part)
        return (
            f"target of {target[0]:g} active terms a query and {target[1]:g} a document, by {names}"
        )
    told = [f"{side} {part.name} at {part.strength:g}" for side, part in sides if part]
    return ", ".join(told) or "no regularizer"


def _last(log: Sequence[dict[str, float]], key: str) -> float | None:
    return next((row[key] for row in reversed(log) if key in row), None)
