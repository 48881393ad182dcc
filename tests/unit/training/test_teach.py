import json

import numpy as np
import pytest

from splade_sdk.errors import ConfigError, InvalidDataError, TrainingError
from splade_sdk.training.data import Example, open_source
from splade_sdk.training.teach import score_pairs

ROWS = [{"query": f"q{at}", "positive": f"p{at}", "negatives": ["n"]} for at in range(5)]


class Lengths:
    """Scores a document by its length; may die after some calls."""

    def __init__(self, dies_at=None):
        self.calls = []
        self.dies_at = dies_at

    def score(self, queries, documents):
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(list(queries))
        return [np.array([float(len(text)) for text in texts]) for texts in documents]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_writes_each_example_with_its_scores(data, tmp_path):
    output = tmp_path / "new" / "scored.jsonl"

    count = score_pairs(Lengths(), data, output, batch_size=2)

    source = open_source(output)
    assert count == len(source) == 5
    assert [source[at] for at in range(5)] == [
        Example(f"q{at}", (f"p{at}", "n"), (2.0, 1.0)) for at in range(5)
    ]
    assert [path.name for path in output.parent.iterdir()] == ["scored.jsonl"]


@pytest.mark.parametrize("tail", ["", '{"query": "q2", "posi'])
def test_goes_on_after_a_kill(data, tmp_path, tail):
    output = tmp_path / "scored.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score_pairs(Lengths(dies_at=1), data, output, batch_size=2)
    assert not output.exists()
    with (tmp_path / "scored.jsonl.partial").open("a") as file:
        file.write(tail)

    teacher = Lengths()
    score_pairs(teacher, data, output, batch_size=2)

    assert teacher.calls == [["q2", "q3"], ["q4"]]
    whole = tmp_path / "whole.jsonl"
    score_pairs(Lengths(), data, whole)
    assert output.read_bytes() == whole.read_bytes()


def test_does_not_go_on_from_other_data(data, tmp_path):
    (tmp_path / "scored.jsonl.partial").write_text('{"query": "x", "positive": "p"}\n')

    with pytest.raises(InvalidDataError, match=r"partial:1: its query is not the one in the data"):
        score_pairs(Lengths(), data, tmp_path / "scored.jsonl")


def test_does_not_go_on_from_a_damaged_file(data, tmp_path):
    (tmp_path / "scored.jsonl.partial").write_text("rubbish\n")

    with pytest.raises(InvalidDataError, match="partial:1: cannot be gone on from"):
        score_pairs(Lengths(), data, tmp_path / "scored.jsonl")


def test_does_not_replace_a_file_unasked(data, tmp_path):
    output = tmp_path / "scored.jsonl"
    output.write_text("mine")

    with pytest.raises(ConfigError, match="exists already"):
        score_pairs(Lengths(), data, output)
    assert output.read_text() == "mine"
    score_pairs(Lengths(), data, output, overwrite=True)
    assert len(open_source(output)) == 5


@pytest.mark.parametrize("bad", [[float("nan"), 1.0], [1.0]])
def test_refuses_scores_that_are_not_finite_numbers(data, tmp_path, bad):
    class Bad:
        def score(self, queries, documents):
            return [np.array(bad) for _ in queries]

    with pytest.raises(TrainingError, match="the query 'q0': expected a finite number"):
        score_pairs(Bad(), data, tmp_path / "scored.jsonl")


def test_a_full_disk_keeps_what_is_done(data, tmp_path, monkeypatch):
    output = tmp_path / "scored.jsonl"
    done = []

    def full(_):
        if done:
            raise OSError(28, "No space left on device")
        done.append(1)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainingError, match="No space left on device; the rows done so far"):
        score_pairs(Lengths(), data, output, batch_size=2)
    monkeypatch.undo()

    score_pairs(Lengths(), data, output, batch_size=2)

    assert len(open_source(output)) == 5


def test_refuses_an_empty_batch(data, tmp_path):
    with pytest.raises(ConfigError, match="batch_size is 0"):
        score_pairs(Lengths(), data, tmp_path / "scored.jsonl", batch_size=0)
