"""Embeddings of the pool and the queries by a dense teacher, computed once.

Written in parts, so that a killed run goes on where it was.

    python -m recipes.bundled.embeddings --model FOLDER --name minilm --output runs/bundled
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.bundled.lines import read_lines
from recipes.bundled.pool import pool_passages
from splade_sdk.training.teachers import TransformerEmbedder

__all__ = ["StoredEmbeddings", "all_texts"]

_PART = 1024
_MAX_TOKENS = 128


def all_texts(folder: Path) -> list[str]:
    """Return every text that a teacher embeds, in a fixed order."""
    passages = pool_passages(folder)
    queries = [row["query"] for row in read_lines(folder / "pairs.jsonl")]
    return list(dict.fromkeys(passages + queries))


def require_same_texts(folder: Path, texts: list[str]) -> None:
    """Check that the embeddings in a folder are of these texts; an empty one is, from then on.

    Raises:
        SystemExit: if they are of others.
    """
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    known = folder / "texts.sha256"
    if not known.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        known.write_text(digest, encoding="utf-8")
    elif known.read_text(encoding="utf-8") != digest:
        raise SystemExit(f"{folder} has embeddings of other texts: delete it")


class StoredEmbeddings:
    """Gives back stored embeddings: a dense encoder that runs no model.

    Args:
        folder: Of the run.
        name: Of the teacher.

    Raises:
        SystemExit: if they are not of all texts of the run, and of those only.
    """

    def __init__(self, folder: Path, name: str) -> None:
        texts = all_texts(folder)
        require_same_texts(folder / "embeddings" / name, texts)
        parts = sorted((folder / "embeddings" / name).glob("*.npy"))
        self._rows = np.concatenate([np.load(part) for part in parts]).astype(np.float32)
        if len(self._rows) != len(texts):
            raise SystemExit(
                f"{len(self._rows)} of {len(texts)} texts have embeddings: go on first"
            )
        self._row_of = {text: at for at, text in enumerate(texts)}

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings, of length 1. Shape: ``(texts, width)``."""
        return self._rows[[self._row_of[text] for text in texts]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or name of the dense teacher")
    parser.add_argument("--name", required=True, help="what to store its embeddings under")
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--float32", action="store_true", help="instead of bfloat16")
    asked = parser.parse_args()
    texts = all_texts(asked.output)
    folder = asked.output / "embeddings" / asked.name
    require_same_texts(folder, texts)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    embedder = TransformerEmbedder.from_pretrained(
        asked.model, max_tokens=_MAX_TOKENS, device=device
    )
    for start in range(0, len(texts), _PART):
        path = folder / f"{start:08d}.npy"
        if path.is_file():
            continue
        with torch.autocast(device, torch.bfloat16, enabled=not asked.float32):
            rows = embedder.encode(texts[start : start + _PART])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            np.save(file, rows.astype(np.float16))
        unfinished.rename(path)
        print(f"{min(start + _PART, len(texts))} of {len(texts)}", flush=True)


if __name__ == "__main__":
    main()
