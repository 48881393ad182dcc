from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

pytest.importorskip("ir_measures")

Splade = Callable[..., Ran]


@pytest.fixture
def collection(tmp_path: Path) -> str:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = {"d1": "heart attack", "d2": "attack on the king", "d3": "bread"}
    queries = {"q1": "heart", "q2": "attack king", "q3": "soup"}
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": i, "title": "", "text": t}) + "\n" for i, t in corpus.items())
    )
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in queries.items())
    )
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td3\t1\n"
    )
    return str(folder)


# q1 and q2 find their document first, q3 finds nothing: (1 + 1 + 0) / 3.
def test_metrics_come_as_a_table(splade: Splade, collection: str) -> None:
    ran = splade("eval", collection, "--engine", "memory")
    assert (ran.code, ran.err) == (0, "")
    assert "tiny (test): 3 documents, 3 queries, model words, engine memory" in ran.out
    rows = dict(line.split(maxsplit=1) for line in ran.out.splitlines()[1:4])
    assert rows.keys() == {"nDCG@10", "RR@10", "R@100"}
    assert set(rows.values()) == {"0.6667"}


def test_metrics_come_as_json(splade: Splade, collection: str) -> None:
    ran = splade("eval", collection, "--metric", "RR@10", "--json")
    report = json.loads(ran.out)
    assert report["metrics"] == {"RR@10": pytest.approx(2 / 3)}
    assert report["engine"] == "embedded"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--split", "dev"), "has no split 'dev'"),
        (("--metric", "nonsense"), "nonsense"),
    ],
)
def test_errors_are_one_line(
    splade: Splade, collection: str, words: tuple[str, ...], told: str
) -> None:
    ran = splade("eval", collection, *words)
    assert (ran.code, ran.out) == (1, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert splade("eval", collection + "-gone").code == 1
