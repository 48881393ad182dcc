import json
from itertools import islice
from pathlib import Path

import pytest

from splade_sdk.errors import InvalidDataError
from splade_sdk.evaluation.datasets import load_dataset


def write(folder: Path, name: str, *lines: str | bytes) -> None:
    data = [line if isinstance(line, bytes) else line.encode() for line in lines]
    (folder / name).write_bytes(b"\n".join(data) + b"\n")


def test_judged_queries_and_their_judgements(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert dataset.name == "tiny"
    assert dataset.split == "test"
    assert dataset.queries == {"q1": "heart", "q2": "cancer lung", "q4": "absent"}
    assert dataset.qrels == {"q1": {"d3": 1, "d9": 1}, "q2": {"d2": 1}, "q4": {"d4": 1}}


def test_documents_join_title_and_text(folder: Path) -> None:
    texts = {document.id: document.text for document in load_dataset(str(folder)).corpus()}
    assert texts == {
        "d1": "Hearts heart attack heart",
        "d2": "lung cancer",
        "d3": "heart lung",
        "d4": "Nothing",
    }


def test_the_corpus_is_read_as_it_is_used_and_can_be_read_again(folder: Path) -> None:
    dataset = load_dataset(folder)
    with (folder / "corpus.jsonl").open("a") as file:
        file.write("not JSON")
    assert [document.id for document in islice(dataset.corpus(), 2)] == ["d1", "d2"]
    assert [document.id for document in islice(dataset.corpus(), 2)] == ["d1", "d2"]
    with pytest.raises(InvalidDataError, match=r"corpus\.jsonl, line 5: not JSON"):
        list(dataset.corpus())


def test_header_blank_lines_byte_order_mark_and_windows_line_ends_are_no_trouble(
    folder: Path,
) -> None:
    write(folder, "qrels/test.tsv", "q1\td1\t2\r", "\r", "q2\td2\t0\r")
    write(
        folder, "queries.jsonl", '\ufeff{"_id": "q1", "text": "a"}\r', "", '{"_id":"q2","text":""}'
    )
    dataset = load_dataset(folder)
    assert dataset.qrels == {"q1": {"d1": 2}, "q2": {"d2": 0}}
    assert dataset.queries == {"q1": "a", "q2": ""}


def test_a_missing_split_names_those_there_are(folder: Path) -> None:
    write(folder, "qrels/train.tsv", "q1\td1\t1")
    with pytest.raises(InvalidDataError, match="no split 'dev': there is 'test', 'train'"):
        load_dataset(folder, "dev")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InvalidDataError, match=f"has no {name}"):
        load_dataset(folder)


BAD_CORPUS = [
    ("[1]", "expected a JSON object"),
    ("{", "not JSON"),
    ('{"text": "a"}', "field '_id': is missing"),
    ('{"_id": 5, "text": "a"}', "field '_id': is int"),
    ('{"_id": "", "text": "a"}', "non-empty"),
    ('{"_id": "d2"}', "field 'text': is missing"),
    ('{"_id": "d2", "text": null}', "field 'text': is NoneType"),
    ('{"_id": "d2", "title": 3, "text": "a"}', "field 'title': is int"),
    ('{"_id": "d2", "text": "\\ud800"}', "field 'text': lone surrogate"),
    (b'{"_id": "d2", "text": "\xff"}', "not UTF-8"),
]


@pytest.mark.parametrize(("line", "told"), BAD_CORPUS)
def test_bad_lines_of_the_corpus_name_file_line_and_field(
    folder: Path, line: str | bytes, told: str
) -> None:
    write(folder, "corpus.jsonl", json.dumps({"_id": "d1", "text": "a"}), line)
    with pytest.raises(InvalidDataError, match=rf"corpus\.jsonl, line 2.*{told}"):
        list(load_dataset(folder).corpus())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"_id": "q1", "text": "again"}', "field '_id': 'q1' is there twice"),
        ('{"_id": "q2", "text": ["a"]}', "field 'text': is list"),
        ('{"text": "a"}', "field '_id': is missing"),
    ],
)
def test_bad_lines_of_the_queries_name_file_line_and_field(
    folder: Path, line: str, told: str
) -> None:
    write(folder, "queries.jsonl", '{"_id": "q1", "text": "a"}', line)
    with pytest.raises(InvalidDataError, match=rf"queries\.jsonl, line 2.*{told}"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("q1 d1 1", "1 fields, expected query-id, corpus-id, score"),
        ("q1\t0\td1\t1", "4 fields"),
        ("q1\td1\thigh", "field 'score': 'high' is not a whole number"),
        ("q9\td1\t1", "field 'query-id': there is no query 'q9'"),
    ],
)
def test_bad_judgements_name_file_line_and_field(folder: Path, line: str, told: str) -> None:
    write(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore", line)
    with pytest.raises(InvalidDataError, match=rf"test\.tsv, line 2.*{told}"):
        load_dataset(folder)


def test_a_split_without_judgements_is_refused(folder: Path) -> None:
    write(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore")
    with pytest.raises(InvalidDataError, match="no judgements"):
        load_dataset(folder)
