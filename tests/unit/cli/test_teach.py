from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertForSequenceClassification

from tests.unit.cli.conftest import Ran
from tests.unit.training import tiny_training as tiny

Splade = Callable[..., Ran]
ROWS = [
    {"query": "heart", "positive": "heart attack", "negatives": ["bread"], "scores": [3.0, -1.0]},
    {"query": "bread", "positive": "bread and bread", "negatives": ["king"], "scores": [2.0, 0.0]},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tiny.write_lines(tmp_path / "data.jsonl", ROWS)


def scores(path: Path) -> list[list[float]]:
    return [json.loads(line)["scores"] for line in path.read_text().splitlines()]


def taught(splade: Splade, data: Path, *words: str) -> list[list[float]]:
    output = data.parent / "scored.jsonl"
    ran = splade("teach", str(data), *words, "--output", str(output))
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert f"2 examples with scores are in {output}" in ran.err
    return scores(output)


@pytest.mark.parametrize("kind", ["splade:words", "bm25", "given"])
def test_scores_of_one_teacher(splade: Splade, data: Path, kind: str) -> None:
    found = taught(splade, data, "--teacher", kind)

    assert [len(each) for each in found] == [2, 2]
    assert all(positive > negative for positive, negative in found)
    if kind == "given":
        assert found == [[3.0, -1.0], [2.0, 0.0]]


def test_transformers_models_by_folder(splade: Splade, data: Path, tmp_path: Path) -> None:
    tiny.write_lines(data, tiny.examples(2))
    encoder = tiny.save_base(tmp_path / "encoder", head=False)
    torch.manual_seed(0)
    classifier = BertForSequenceClassification(tiny.bert_config())
    classifier.config.num_labels = 1
    classifier.classifier = torch.nn.Linear(32, 1)
    classifier.save_pretrained(tmp_path / "classifier")
    tiny.tokenizer().save_pretrained(tmp_path / "classifier")

    cosines = taught(splade, data, "-t", f"bi-encoder:{encoder}")
    logits = taught(splade, data, "-t", f"cross-encoder:{tmp_path / 'classifier'}", "--overwrite")

    assert all(-1 <= score <= 1 for row in cosines for score in row)
    assert logits != cosines


# Over a list of two, z-scores are 1 and -1 for each teacher: (2 * 1 + 1 * 1) / 3 = 1.
def test_several_teachers_are_normalised_and_averaged(splade: Splade, data: Path) -> None:
    words = ("-t", "given", "-t", "bm25", "--weight", "2", "--weight", "1")
    assert taught(splade, data, *words) == [pytest.approx([1.0, -1.0])] * 2


def test_an_output_that_exists_is_kept(splade: Splade, data: Path) -> None:
    taught(splade, data, "-t", "given")

    again = splade("teach", str(data), "-t", "bm25", "-o", str(data.parent / "scored.jsonl"))

    assert again.code == 1
    assert "exists already" in again.err
    assert scores(data.parent / "scored.jsonl")[0] == [3.0, -1.0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-t", "dense:x"), "expected one of cross-encoder:NAME"),
        (("-t", "bi-encoder"), "expected one of cross-encoder:NAME"),
        (("-t", "bm25:x"), "expected one of cross-encoder:NAME"),
        (("-t", "given", "--weight", "1", "--weight", "2"), "2 for 1 teachers"),
    ],
)
def test_wrong_usage(splade: Splade, data: Path, words: tuple[str, ...], told: str) -> None:
    ran = splade("teach", str(data), *words, "-o", str(data.parent / "scored.jsonl"))

    assert ran.code == 2
    assert told in " ".join(ran.err.replace("│", " ").split())


def test_no_such_model(splade: Splade, data: Path, tmp_path: Path) -> None:
    name = str(tmp_path / "nothing")
    ran = splade("teach", str(data), "-t", f"bi-encoder:{name}", "-o", str(tmp_path / "out.jsonl"))

    assert ran.code == 1
    assert "no teacher at" in ran.err
