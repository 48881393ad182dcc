"""The model that ships, on a small collection that it never saw (a minute on one core)."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_sdk import Bm25Encoder, SpladeEncoder
from splade_sdk.datasets.beir import load_dataset
from splade_sdk.evaluation.report import EvaluationReport
from splade_sdk.evaluation.runner import evaluate, evaluate_modes

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "med"

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no collection at {FOLDER}"),
    pytest.mark.filterwarnings("ignore::splade_sdk.errors.TruncationWarning"),
    pytest.mark.filterwarnings("ignore:.* 1 of 696 judged documents are not in the corpus"),
]


@pytest.fixture(scope="module")
def reports() -> dict[str, EvaluationReport]:
    dataset = load_dataset(FOLDER)
    sparse, dense, hybrid = evaluate_modes(
        SpladeEncoder(device="cpu"), dataset, ["sparse", "dense", "hybrid"], engine="memory"
    )
    bm25 = evaluate(Bm25Encoder(), dataset, engine="memory")
    return {"sparse": sparse, "dense": dense, "hybrid": hybrid, "bm25": bm25}


def test_its_sparse_search_finds_more_than_bm25(reports: dict[str, EvaluationReport]) -> None:
    assert reports["sparse"].metrics["nDCG@10"] > reports["bm25"].metrics["nDCG@10"] + 0.02


def test_hybrid_search_finds_more_than_either_vector(reports: dict[str, EvaluationReport]) -> None:
    sparse, dense, hybrid = (
        reports[mode].metrics["nDCG@10"] for mode in ("sparse", "dense", "hybrid")
    )

    assert hybrid > max(sparse, dense)


def test_its_vectors_are_sparse(reports: dict[str, EvaluationReport]) -> None:
    documents = reports["sparse"].documents

    assert documents is not None
    assert documents.active_dims <= 200
    assert reports["sparse"].queries.active_dims <= 40
