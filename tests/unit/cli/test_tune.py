from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

pytest.importorskip("ir_measures")
pytest.importorskip("qdrant_edge")

Splade = Callable[..., Ran]


@pytest.fixture
def judged(tmp_path: Path) -> str:
    """Give queries and judgements; the corpus is indexed."""
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    words = ["heart", "attack", "king", "bread", "sea"]
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{at}", "text": word}) + "\n" for at, word in enumerate(words))
    )
    lines = [f"q{at}\td{at}\t1" for at in range(len(words))]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines))
    return str(folder)


@pytest.fixture
def indexed(splade: Splade, tmp_path: Path) -> str:
    corpus = tmp_path / "docs.jsonl"
    texts = ["heart sea", "attack attack heart", "king king bread", "bread sea", "sea sea sea"]
    corpus.write_text(
        "".join(json.dumps({"id": f"d{at}", "text": text}) + "\n" for at, text in enumerate(texts))
    )
    folder = str(tmp_path / "idx")
    assert splade("index", str(corpus), "--index", folder).code == 0
    return folder


def test_settings_are_recommended_and_written(
    splade: Splade, judged: str, indexed: str, tmp_path: Path
) -> None:
    output = tmp_path / "tuned.json"
    ran = splade("tune", judged, "--index", indexed, "--output", str(output))
    assert (ran.code, ran.err) == (0, "")
    assert "The defaults are as good" in ran.out
    assert f"{output}: sparse" in ran.out
    assert json.loads(output.read_text())["mode"] == "sparse"
    assert splade("search", "heart", "--index", indexed, "--settings", str(output)).code == 0


def test_the_report_comes_as_json(splade: Splade, judged: str, indexed: str) -> None:
    ran = splade("tune", judged, "--index", indexed, "--tolerance", "0.5", "--json")
    report = json.loads(ran.out)
    assert report["queries"] == 5
    assert report["tolerance"] == 0.5
    assert report["default"]["mode"] == "sparse"
    assert len(report["choices"]) == 5


def test_errors_are_one_line(splade: Splade, judged: str, indexed: str) -> None:
    for words, told in ((("--folds", "6"), "6 folds"), (("--split", "dev"), "no split 'dev'")):
        ran = splade("tune", judged, "--index", indexed, *words)
        assert (ran.code, ran.out) == (1, "")
        assert told in ran.err
        assert ran.err.count("\n") == 1
