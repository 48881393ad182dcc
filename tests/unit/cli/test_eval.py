from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from splade_sdk.cli import opening
from tests.unit.cli.conftest import Ran
from tests.unit.fakes import LetterEncoder

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


def test_idf_is_asked_of_the_models_where_told(
    splade: Splade, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = opening.open_encoder

    def noted(model: str | None, **settings: object) -> object:
        asked.append(settings["idf"])
        return real(model)

    monkeypatch.setattr(opening, "open_encoder", noted)
    for options in ([], ["--idf"]):
        assert splade("eval", collection, "--no-cache", *options).code == 0
    assert asked == [False, True]


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


class TestSeveralSystems:
    def test_they_are_compared_with_the_first(self, splade: Splade, collection: str) -> None:
        ran = splade("eval", collection, "-m", "one", "-m", "two", "--engine", "memory")
        assert (ran.code, ran.err) == (0, "")
        assert "tiny (test): 3 judged queries" in ran.out
        assert "against one" in ran.out
        assert "corrected for 3 comparisons (Holm)" in ran.out
        # One model under two names: all equal.
        assert [line.split()[-3] for line in ran.out.splitlines() if "+0.0000" in line] == [
            "0/3/0"
        ] * 3

    def test_and_come_as_json(self, splade: Splade, collection: str) -> None:
        ran = splade("eval", collection, "-m", "one", "-m", "two", "--engine", "memory", "--json")
        read = json.loads(ran.out)
        assert [each["name"] for each in read["systems"]] == ["one", "two"]
        assert len(read["differences"]) == 3

    def test_the_same_model_twice_is_an_error(self, splade: Splade, collection: str) -> None:
        ran = splade("eval", collection, "-m", "one", "-m", "one", "--engine", "memory")
        assert ran.code == 1
        assert "expected different names" in ran.err

    def test_a_run_of_another_engine_is_one_more_system(
        self, splade: Splade, collection: str, tmp_path: Path
    ) -> None:
        run = tmp_path / "other.trec"
        run.write_text("q1 Q0 d1 1 2.0 x\nq3 Q0 d3 1 1.0 x\n")
        ran = splade("eval", collection, "--run", str(run), "--metric", "RR", "--json")
        assert json.loads(ran.out)["metrics"] == {"RR": pytest.approx(2 / 3)}
        ran = splade("eval", collection, "-m", "one", "--run", str(run), "--engine", "memory")
        assert "other.trec" in ran.out
        assert "+1.000  q3  soup" in ran.out
        assert "-1.000  q2  attack king" in ran.out


class TestModes:
    @pytest.fixture(autouse=True)
    def dense_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def open_dense(model: str | None) -> LetterEncoder | None:
            return LetterEncoder() if model else None

        monkeypatch.setattr(opening, "open_dense", open_dense)

    def test_each_is_a_system_and_bm25_the_first(self, splade: Splade, collection: str) -> None:
        ran = splade(
            *("eval", collection, "--engine", "memory", "--dense-model", "letters", "--json"),
            *("--mode", "sparse", "--mode", "bm25", "--mode", "hybrid"),
        )
        assert ran.code == 0, ran.err
        names = [each["name"] for each in json.loads(ran.out)["systems"]]
        assert names == ["bm25", "default", "default (hybrid)"]

    def test_a_single_one_is_a_report(self, splade: Splade, collection: str) -> None:
        words = ("eval", collection, "--engine", "memory", "--mode", "dense")
        ran = splade(*words, "--dense-model", "letters", "--json")
        assert json.loads(ran.out)["mode"] == "dense"
        ran = splade(*words)
        assert (ran.code, ran.out) == (1, "")
        assert "no dense head" in ran.err

    def test_they_hold_for_every_model(self, splade: Splade, collection: str) -> None:
        ran = splade(
            *("eval", collection, "--engine", "memory", "--dense-model", "letters", "--json"),
            *("-m", "one", "-m", "two", "--mode", "sparse", "--mode", "hybrid"),
        )
        names = [each["name"] for each in json.loads(ran.out)["systems"]]
        assert names == ["one", "one (hybrid)", "two", "two (hybrid)"]


def test_files_are_written_where_asked(splade: Splade, collection: str, tmp_path: Path) -> None:
    page, systems, queries, runs = (tmp_path / name for name in ("p.html", "s.csv", "q.csv", "r"))
    ran = splade(
        *("eval", collection, "-m", "some/model", "--engine", "memory"),
        *("--html", str(page), "--csv", str(systems), "--query-csv", str(queries)),
        *("--write-runs", str(runs)),
    )
    assert ran.code == 0, ran.err
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert systems.read_text().splitlines()[1].startswith("some/model,tiny,test,0.66666")
    assert len(queries.read_text().splitlines()) == 1 + 3
    assert sorted(path.name for path in runs.iterdir()) == ["qrels.trec", "some-model.trec"]
    again = splade("eval", collection, "--run", str(runs / "some-model.trec"), "--json")
    assert json.loads(again.out)["metrics"]["nDCG@10"] == pytest.approx(2 / 3)


def test_hits_are_kept_unless_told_otherwise(
    splade: Splade, collection: str, tmp_path: Path
) -> None:
    words = ("eval", collection, "--engine", "memory")
    assert "from the cache" not in splade(*words).out
    assert "hits and times from the cache" in splade(*words).out
    assert "from the cache" not in splade(*words, "--no-cache").out
    assert "from the cache" not in splade(*words, "--cache", str(tmp_path / "other")).out
    assert (tmp_path / "cache" / "splade-sdk" / "runs").is_dir()
