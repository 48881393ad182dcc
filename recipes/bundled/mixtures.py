"""What mixtures of the teachers find on the development sets, by nDCG@10.

The 60 documents that each teacher finds first are ranked by the weighted mean of all teachers'
scores, each brought to mean 0 and deviation 1 over all these documents of a set.

    python -m recipes.bundled.mixtures minilm:1 splade:1 bm25:1 minilm:0.5,splade:0.5,bm25:1
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._common import table
from benchmarks._weights import mini_lm_folder, two_layer_folder
from recipes.bundled.sources import DEVELOPMENT
from splade_sdk import Bm25Encoder, SpladeEncoder
from splade_sdk.datasets.beir import load_dataset
from splade_sdk.evaluation.metrics import mean_metrics, query_metrics
from splade_sdk.training.teachers import BiEncoderTeacher, SparseTeacher, TransformerEmbedder
from splade_sdk.training.teachers.base import Teacher

_TEACHERS = {"minilm", "splade", "bm25"}
_METRIC = "nDCG@10"
_DEPTH = 60
_MAX_TOKENS = 128  # as in training

Matrix = NDArray[np.float32]


def scored(queries: Sequence[str], texts: Sequence[str]) -> dict[str, Matrix]:
    """Return every teacher's scores by name; BM25 counts words in these texts.

    Returns:
        Shapes: ``(queries, texts)``.
    """
    embedder = TransformerEmbedder.from_pretrained(str(mini_lm_folder()), max_tokens=_MAX_TOKENS)
    teachers: dict[str, Teacher] = {
        "minilm": BiEncoderTeacher(embedder),
        "splade": SparseTeacher(SpladeEncoder(two_layer_folder(), max_length=_MAX_TOKENS)),
        "bm25": SparseTeacher(Bm25Encoder(), corpus=texts),
    }
    lists = [texts] * len(queries)
    return {name: np.stack(teacher.score(queries, lists)) for name, teacher in teachers.items()}


def mixed(scores: Mapping[str, Matrix], weights: Mapping[str, float]) -> Matrix:
    """Return the mixture's scores; those of documents that no teacher finds are -inf.

    Args:
        scores: Of each teacher. Shapes: ``(queries, documents)``.
        weights: How much each teacher counts; one without a weight only proposes documents.
    """
    found = np.zeros(next(iter(scores.values())).shape, dtype=bool)
    for each in scores.values():
        first = np.argpartition(-each, _DEPTH, axis=1)[:, :_DEPTH]
        np.put_along_axis(found, first, True, axis=1)
    total = sum(
        weight * (scores[name] - scores[name][found].mean()) / scores[name][found].std()
        for name, weight in weights.items()
    )
    return np.where(found, total, -np.inf)


def parsed(mixture: str) -> dict[str, float]:
    """Return the weights of ``name:weight,name:weight``; for argparse."""
    pairs = [each.partition(":") for each in mixture.split(",")]
    if unknown := {name for name, _, _ in pairs} - _TEACHERS:
        raise argparse.ArgumentTypeError(f"no teacher {', '.join(unknown)}: {_TEACHERS}")
    return {name: float(weight) for name, _, weight in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mixtures", nargs="+", type=parsed, help="name:weight,name:weight")
    parser.add_argument("--data", type=Path, default=Path("runs/bundled"))
    asked = parser.parse_args()
    rows = [[", ".join(f"{name} {part:g}" for name, part in m.items())] for m in asked.mixtures]
    for folder in DEVELOPMENT:
        dataset = load_dataset(asked.data / folder, split="dev")
        documents = list(dataset.corpus())
        texts = [document.text for document in documents]
        scores = scored([dataset.queries[query] for query in dataset.qrels], texts)
        for row, mixture in zip(rows, asked.mixtures, strict=True):
            ranked = mixed(scores, mixture)
            run = {
                query: [(documents[at].id, float(each[at])) for at in np.argsort(-each)[:10]]
                for query, each in zip(dataset.qrels, ranked, strict=True)
            }
            row.append(f"{mean_metrics(query_metrics(dataset.qrels, run, [_METRIC]))[_METRIC]:.3f}")
    print(table(["teachers", *DEVELOPMENT], rows))


if __name__ == "__main__":
    main()
