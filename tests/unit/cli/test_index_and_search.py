from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from splade_sdk.cli import opening
from splade_sdk.errors import MissingDependencyError, RequestRejectedError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import FailedBatch, IngestReport
from tests.unit.cli.conftest import Ran
from tests.unit.fakes import LetterEncoder

Splade = Callable[..., Ran]
ROWS = [
    {"id": "heart", "text": "heart attack attack", "year": 2024},
    {"id": "panic", "text": "panic attack", "year": 2020},
]

UNMET = 'no document meets the filter; a number and a string, such as 2024 and "2024", differ\n'


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def indexed(splade: Splade, corpus: Path, tmp_path: Path) -> str:
    folder = str(tmp_path / "idx")
    ran = splade("index", str(corpus), "--index", folder)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("2 documents stored, 2 in documents (encoding ")
    assert ran.err == ""
    return folder


def test_found_documents_come_as_a_table(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed)
    assert (ran.code, ran.err) == (0, "")
    header, first, second = ran.out.splitlines()
    assert header.split() == ["score", "id", "text"]
    assert first.split() == ["2.00", "heart", "heart", "attack", "attack"]
    assert second.split() == ["1.00", "panic", "panic", "attack"]


@pytest.fixture
def hybrid(splade: Splade, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(opening, "open_dense", lambda model: LetterEncoder() if model else None)
    folder = str(tmp_path / "idx")
    ran = splade("index", str(corpus), "--index", folder, "--dense-model", "letters")
    assert ran.code == 0, ran.err
    return folder


def test_hybrid_hits_tell_their_ranks(splade: Splade, hybrid: str) -> None:
    words = ("search", "heart panic", "--index", hybrid, "--dense-model", "letters")
    header, first, second = splade(*words).out.splitlines()
    assert header.split() == ["score", "sparse", "dense", "id", "text"]
    # Letters of the query are (2, 1, 1, 0), of heart (5, 1, 0, 0), of panic (3, 0, 1, 0).
    assert first.split()[:4] == ["0.0325", "#1", "#2", "heart"]
    assert second.split()[:4] == ["0.0325", "#2", "#1", "panic"]
    alone = splade(*words, "--mode", "dense").out.splitlines()
    assert [line.split()[1] for line in alone] == ["id", "panic", "heart"]
    [row, _] = json.loads(splade(*words, "--json").out)
    assert row["legs"] == {
        "sparse": {"rank": 1, "score": 1.0},
        "dense": {"rank": 2, "score": pytest.approx(11 / (6 * 26) ** 0.5)},
    }


def test_a_mode_without_vectors_is_told(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--mode", "hybrid")
    assert ran.code != 0
    assert "has no dense vectors" in " ".join(ran.err.split())
    assert splade("search", "attack", "--index", indexed, "--mode", "both").code != 0


def test_a_dense_model_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opening.open_dense(None) is None
    assert opening.open_dense("none") is False
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"splade-sdk\[dense\]"):
        opening.open_dense("all-MiniLM-L6-v2")


def test_found_documents_come_as_json(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--json", "--limit", "1")
    assert json.loads(ran.out) == [
        {
            "id": "heart",
            "score": 2.0,
            "legs": {"sparse": {"rank": 1, "score": 2.0}},
            "text": "heart attack attack",
            "metadata": {"year": 2024},
        }
    ]


@pytest.mark.parametrize(
    ("query", "conditions", "told"),
    [
        ("unheard", None, "no document shares a term with the query\n"),
        ("attack", {"year": "2024"}, UNMET),
        ("heart", {"year": 2020}, "none of the 1 documents that meet the filter shares a term\n"),
    ],
)  # fmt: skip
def test_why_nothing_is_found(
    splade: Splade, indexed: str, query: str, conditions: object, told: str
) -> None:
    given = ["--filter", json.dumps(conditions)] if conditions else []
    ran = splade("search", query, "--index", indexed, *given)
    assert (ran.code, ran.out, ran.err) == (0, "", told)


def test_a_folder_without_documents_makes_no_index(splade: Splade, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    ran = splade("index", str(tmp_path / "notes"), "--index", str(tmp_path / "idx"))
    assert (ran.code, ran.out) == (1, "")
    assert "no file ending in .txt" in ran.err
    assert not (tmp_path / "idx").exists()


def test_numbers_of_a_csv_can_be_compared(splade: Splade, tmp_path: Path) -> None:
    table, folder = tmp_path / "d.csv", str(tmp_path / "idx")
    table.write_text("id,text,year,code\na,heart,2024,12\nb,heart,1999,13\n", encoding="utf-8")
    splade("index", str(table), "--index", folder, "--string-field", "code")
    for conditions in ({"year": {"gte": 2000}}, {"year": 2024}, {"code": "12"}):
        given = json.dumps(conditions)
        ran = splade("search", "heart", "--index", folder, "--json", "--filter", given)
        assert [hit["id"] for hit in json.loads(ran.out)] == ["a"]


def test_a_filter_narrows(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--filter", '{"year": 2020}', "--json")
    assert [hit["id"] for hit in json.loads(ran.out)] == ["panic"]


@pytest.mark.parametrize(
    ("given", "told"),
    [("{year: 2020}", "--filter is not JSON"), ("[1]", "--filter is [1]: expected a JSON object")],
)
def test_a_wrong_filter_is_told(splade: Splade, indexed: str, given: str, told: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--filter", given)
    assert (ran.code, ran.out) == (1, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


def test_nothing_found_is_no_error_and_prints_nothing(splade: Splade, indexed: str) -> None:
    ran = splade("search", "unknown", "--index", indexed)
    assert ran == Ran(0, "", "no document shares a term with the query\n")
    assert json.loads(splade("search", "unknown", "--index", indexed, "--json").out) == []


def test_a_missing_index_is_told_in_one_line(splade: Splade, tmp_path: Path) -> None:
    ran = splade("search", "attack", "--index", str(tmp_path / "gone"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert "gone" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "gone").exists()


def test_another_model_is_refused(splade: Splade, indexed: str) -> None:
    ran = splade("search", "attack", "--index", indexed, "--model", "other")
    assert ran.code == 1
    assert "'words'" in ran.err
    assert "'other'" in ran.err


def test_stdin_and_several_paths(
    splade: Splade, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"id": "x", "text": "piped words"}\n'))
    )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "n.md").write_text("a note", encoding="utf-8")
    folder = str(tmp_path / "idx2")
    ran = splade("index", "-", str(corpus), str(tmp_path / "notes"), "--index", folder)
    assert ran.out.startswith("4 documents stored, 4 in documents")


def test_documents_without_terms_are_counted(splade: Splade, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"id": "a", "text": ""}\n', encoding="utf-8")
    ran = splade("index", str(path), "--index", str(tmp_path / "idx3"))
    assert ran.code == 0
    assert ran.err == "1 of them have no term: no query finds them\n"


def test_a_bad_line_is_told_and_what_came_before_stays(splade: Splade, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"id": "a", "text": "one"}\n{"id": "b", "text": 2}\n', encoding="utf-8")
    folder = str(tmp_path / "idx4")
    ran = splade("index", str(path), "--index", folder, "--batch-size", "1")
    assert ran.code == 1
    assert f"error: {path}, line 2: field 'text' is int" in ran.err
    assert [
        hit["id"] for hit in json.loads(splade("search", "one", "--index", folder, "--json").out)
    ] == ["a"]


def test_documents_that_were_not_stored_make_it_fail(
    splade: Splade, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = FailedBatch(("heart", "panic"), RequestRejectedError("too large"))
    monkeypatch.setattr(Retriever, "upsert", lambda *a, **k: IngestReport(failed=(failed,)))
    monkeypatch.setattr(Retriever, "count", lambda *a, **k: 0)
    ran = splade("index", str(corpus), "--index", str(tmp_path / "idx5"))
    assert ran.code == 1
    assert "2 documents were not stored, from 'heart' on: too large" in ran.err


def test_a_second_run_leaves_unchanged_documents_alone(
    splade: Splade, indexed: str, corpus: Path
) -> None:
    ran = splade("index", str(corpus), "--index", indexed)
    assert ran.out.startswith("0 documents stored, 2 unchanged, 2 in documents")


def test_sync_deletes_what_is_not_given(splade: Splade, indexed: str, corpus: Path) -> None:
    corpus.write_text(json.dumps(ROWS[0]) + "\n", encoding="utf-8")
    ran = splade("index", str(corpus), "--index", indexed, "--sync")
    assert ran.out.startswith("0 documents stored, 1 unchanged, 1 deleted, 1 in documents")


def test_a_checkpoint_goes_when_all_is_stored(splade: Splade, corpus: Path, tmp_path: Path) -> None:
    files = ["--checkpoint", str(tmp_path / "c"), "--dead-letter", str(tmp_path / "d")]
    corpus.write_text(corpus.read_text(encoding="utf-8") + "broken\n", encoding="utf-8")
    arguments = ["index", str(corpus), "--index", str(tmp_path / "idx"), "--batch-size", "1"]
    assert splade(*arguments, *files).code == 1
    assert len((tmp_path / "c").read_text(encoding="utf-8").splitlines()) == 2
    corpus.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    ran = splade(*arguments, *files)
    assert ran.out.startswith("0 documents stored, 2 unchanged")
    assert not (tmp_path / "c").exists()
    assert not (tmp_path / "d").exists()


def test_search_settings_are_read_from_a_file(splade: Splade, corpus: Path, tmp_path: Path) -> None:
    settings = tmp_path / "tuned.json"
    settings.write_text('{"query_max_active_dims": 1}')
    words = ("--index", str(tmp_path / "idx"), "--settings", str(settings))
    assert splade("index", str(corpus), *words).code == 0
    # Of "heart heart attack", heart is left: what shares only "attack" is not found.
    both = json.loads(splade("search", "heart heart attack", *words[:2], "--json").out)
    one = json.loads(splade("search", "heart heart attack", *words, "--json").out)
    assert len(one) < len(both)
    assert all("heart" in row["text"].lower() for row in one)
    ran = splade("search", "heart", *words[:2], "--settings", str(tmp_path / "none.json"))
    assert ran.code == 1
    assert "cannot be read" in ran.err
