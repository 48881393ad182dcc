r"""Hard negatives of several retrievers, then the teachers' scores of every candidate.

Each step is written to a file of its own and resumes where it was killed.

    python -m recipes.bundled.candidates --teachers minilm:0.5 splade:0.5 bm25:1
    python -m recipes.bundled.candidates --negatives minilm:4 bm25:3 student:4 \
        --student runs/bundled/run/model --teachers minilm:0.5 splade:0.5 bm25:1 --name refreshed
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks._weights import two_layer_folder
from recipes.bundled.embeddings import StoredEmbeddings
from recipes.bundled.pool import indexed_pool, pool_passages
from splade_sdk import Bm25Encoder, Hit, Retriever, SpladeEncoder
from splade_sdk.encoders.identity import weights_sha256
from splade_sdk.training.data import open_source
from splade_sdk.training.negatives import mine_negatives
from splade_sdk.training.teach import score_pairs
from splade_sdk.training.teachers import BiEncoderTeacher, EnsembleTeacher, SparseTeacher
from splade_sdk.training.teachers.base import Teacher

_RANKS = (2, 60)
_SAMPLE = 1000


class DensePool:
    """Searches the pool by stored embeddings; every passage is compared.

    Args:
        passages: The pool.
        embeddings: Of the passages and of all queries asked.
    """

    def __init__(self, passages: list[str], embeddings: StoredEmbeddings) -> None:
        self._passages = passages
        self._embeddings = embeddings

    @cached_property
    def _matrix(self) -> np.ndarray:
        return self._embeddings.encode(self._passages)

    def search_batch(self, queries: Sequence[str], *, limit: int) -> list[list[Hit]]:
        """Return the hits of each query with their texts, best first."""
        scores = self._embeddings.encode(list(queries)) @ self._matrix.T
        best = np.argpartition(-scores, limit, axis=1)[:, :limit]
        found = []
        for row, columns in zip(scores, best, strict=True):
            ordered = columns[np.argsort(-row[columns])]
            found.append([Hit(str(at), float(row[at]), self._passages[at]) for at in ordered])
        return found


class RandomPool:
    """Finds any passages; what easy negatives are drawn from."""

    def __init__(self, passages: list[str]) -> None:
        self._passages = passages

    def search_batch(self, queries: Sequence[str], *, limit: int) -> list[list[Hit]]:
        """Return hits of each query with their texts; the same for the same query."""
        found = []
        for query in queries:
            drawn = random.Random(query).sample(range(len(self._passages)), limit)  # noqa: S311
            found.append([Hit(str(at), 0.0, self._passages[at]) for at in drawn])
        return found


def teacher_named(name: str, folder: Path, passages: list[str]) -> Teacher:
    """Return a teacher: ``bm25``, ``splade``, or the name of stored embeddings."""
    if name == "bm25":
        return SparseTeacher(Bm25Encoder(), corpus=passages)
    if name == "splade":
        return SparseTeacher(SpladeEncoder(two_layer_folder(), max_length=128))
    return BiEncoderTeacher(StoredEmbeddings(folder, name))


def mine(
    miner: str, passages: list[str], asked: argparse.Namespace, source: Path, per: int
) -> Path:
    """Add the negatives of one retriever to those that the rows have; return the file.

    Args:
        miner: ``bm25``, ``student``, ``random``, or the name of stored embeddings.
        passages: The pool.
        asked: The command's arguments.
        source: What the step before wrote.
        per: Negatives for each query.
    """
    folder: Path = asked.output
    before = "" if source.name == "pairs.jsonl" else f"{source.stem.removeprefix('mined-')}-"
    model = f"-{weights_sha256(asked.student)[:12]}" if miner == "student" else ""
    mined = folder / f"mined-{before}{miner}{model}-{per}.jsonl"
    if mined.is_file():
        return mined
    with ExitStack() as stack:
        searched: DensePool | RandomPool | Retriever
        if miner == "random":
            searched = RandomPool(passages)
        elif miner in ("bm25", "student"):
            encoder = (
                Bm25Encoder() if miner == "bm25" else SpladeEncoder(asked.student, max_length=128)
            )
            searched = stack.enter_context(indexed_pool(folder, encoder))
        else:
            searched = DensePool(passages, StoredEmbeddings(folder, miner))
        print(mine_negatives(searched, source, mined, rank_range=_RANKS, per_query=per))
    return mined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    parser.add_argument(
        "--negatives", nargs="+", default=["minilm:4", "bm25:3"], help="retriever:number"
    )
    parser.add_argument("--student", type=Path, help="model of the retriever called student")
    parser.add_argument("--teachers", nargs="+", required=True, help="name:weight")
    parser.add_argument("--name", default="scored", help="of the file to make")
    asked = parser.parse_args()
    folder: Path = asked.output
    passages = pool_passages(folder)
    mined = folder / "pairs.jsonl"
    for each in asked.negatives:
        miner, number = each.split(":")
        mined = mine(miner, passages, asked, mined, int(number))
    named = [each.split(":") for each in asked.teachers]
    ensemble = EnsembleTeacher(
        [(teacher_named(name, folder, passages), float(weight)) for name, weight in named],
        scope="sample",
    )
    source = open_source(mined)
    sample = [source[at] for at in range(0, len(source), max(1, len(source) // _SAMPLE))]
    ensemble.fit([each.query for each in sample], [each.documents for each in sample])
    scored = folder / f"{asked.name}.jsonl"
    print(score_pairs(ensemble, mined, scored, overwrite=True), "examples scored")


if __name__ == "__main__":
    main()
