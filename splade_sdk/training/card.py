"""The model card of a trained model, from its settings and log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splade_sdk.training.config import TrainingConfig

__all__ = ["write_card"]

_SHOWN = (
    ("loss", "loss"),
    ("query_active_dims", "active terms a query"),
    ("document_active_dims", "active terms a document"),
    ("eval_ndcg@10", "nDCG@10 on the development set"),
)


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
    sides = "queries and documents" if model.query_expansion else "documents only (SPLADE-doc)"
    losses = ", ".join(f"{each.name} x {each.weight:g}" for each in config.losses)
    target = config.sparsity.target_active_dims
    sparsity = (
        f"target of {target[0]:g} active terms a query and {target[1]:g} a document"
        if target
        else ", ".join(
            f"{side} {part.name} at {part.strength:g}"
            for side, part in (
                ("query", config.sparsity.query),
                ("document", config.sparsity.document),
            )
            if part
        )
    )
    results = "\n".join(
        f"| {told} | {_last(log, key):.4g} |" for key, told in _SHOWN if _last(log, key) is not None
    )
    sources = "\n".join(f"- `{each.path.name}`, weight {each.weight:g}" for each in config.data)
    path.write_text(
        f"""---
tags: [splade, sparse-retrieval, sentence-transformers, sparse-encoder]
pipeline_tag: feature-extraction
base_model: {Path(model.base).name}
---

# SPLADE model

Expands {sides} over the vocabulary of `{Path(model.base).name}`, with {model.pooling} pooling.

```python
from splade_sdk import SpladeEncoder

encoder = SpladeEncoder("path/to/this/folder")
encoder.decode(encoder.encode("a text"), top_k=10)
```

It also loads in sentence-transformers: `SparseEncoder("path/to/this/folder")`.

## At the end of training

| measure | value |
|---|---|
{results}

## Training

- {examples:,} examples; {losses}
- sparsity: {sparsity}
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


def _last(log: Sequence[dict[str, float]], key: str) -> float | None:
    return next((row[key] for row in reversed(log) if key in row), None)
