"""The pool of passages in the embedded engine, indexed once by each encoder."""

from __future__ import annotations

from pathlib import Path

from recipes.bundled.lines import read_lines
from splade_sdk import Document, Retriever, SparseEncoder

__all__ = ["indexed_pool", "pool_passages"]


def pool_passages(folder: Path) -> list[str]:
    """Return the passages in their order."""
    return [row["text"] for row in read_lines(folder / "pool.jsonl")]


def indexed_pool(folder: Path, encoder: SparseEncoder) -> Retriever:
    """Return a retriever over the pool; what an encoder has indexed is not encoded again.

    Args:
        folder: Of the run.
        encoder: Other weights have an index of their own.
    """
    name = f"pool-{encoder.fingerprint.kind}-{encoder.fingerprint.revision[:12]}"
    retriever = Retriever(path=folder / name, encoder=encoder)
    passages = pool_passages(folder)
    print(retriever.upsert(Document(f"p{at}", text) for at, text in enumerate(passages)))
    return retriever
