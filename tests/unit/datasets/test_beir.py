import gzip
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import zstandard

from splade_sdk.datasets.beir import load_dataset
from splade_sdk.errors import InvalidDataError
from splade_sdk.training.data import open_source

pytestmark = pytest.mark.filterwarnings("ignore:.* judged documents are not in the corpus")


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
    ('{"_id": 5.5, "text": "a"}', "field '_id': is float"),
    ('{"_id": true, "text": "a"}', "field '_id': is bool"),
    ('{"_id": "d1", "text": "again"}', "field '_id': 'd1' is there twice"),
    ("[" * 100_000, "JSON that cannot be read"),
    ('{"_id": "", "text": "a"}', "non-empty"),
    ('{"_id": "d2"}', "field 'text': is missing"),
    ('{"_id": "d2", "text": null}', "field 'text': is NoneType"),
    ('{"_id": "d2", "title": 3, "text": "a"}', "field 'title': is int"),
    ('{"_id": "d2", "text": "\\ud800"}', "field 'text': lone surrogate"),
    (b'{"_id": "d2", "text": "\xff"}', "not UTF-8"),
]


@pytest.mark.parametrize(("line", "message"), BAD_CORPUS)
def test_bad_lines_of_the_corpus_name_file_line_and_field(
    folder: Path, line: str | bytes, message: str
) -> None:
    write(folder, "corpus.jsonl", json.dumps({"_id": "d1", "text": "a"}), line)
    with pytest.raises(InvalidDataError, match=rf"corpus\.jsonl, line 2.*{message}"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "q1", "text": "again"}', "field '_id': 'q1' is there twice"),
        ('{"_id": "q2", "text": ["a"]}', "field 'text': is list"),
        ('{"text": "a"}', "field '_id': is missing"),
    ],
)
def test_bad_lines_of_the_queries_name_file_line_and_field(
    folder: Path, line: str, message: str
) -> None:
    write(folder, "queries.jsonl", '{"_id": "q1", "text": "a"}', line)
    with pytest.raises(InvalidDataError, match=rf"queries\.jsonl, line 2.*{message}"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 d1 1", "1 fields, expected query-id, corpus-id, score"),
        ("q1\t0\td1\t1\tx", "5 fields"),
        ("q1\td1\thigh", "field 'score': 'high' is not a whole number"),
        ("q9\td1\t1", "field 'query-id': there is no query 'q9'"),
    ],
)
def test_bad_judgements_name_file_line_and_field(folder: Path, line: str, message: str) -> None:
    write(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore", line)
    with pytest.raises(InvalidDataError, match=rf"test\.tsv, line 2.*{message}"):
        load_dataset(folder)


def test_a_split_without_judgements_is_refused(folder: Path) -> None:
    write(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore")
    with pytest.raises(InvalidDataError, match="no judgements"):
        load_dataset(folder)


def test_documents_that_are_not_in_the_corpus_are_counted_and_warned_of(folder: Path) -> None:
    message = r"test\.tsv: 1 of 4 judged documents are not in the corpus, such as 'd9'"
    with pytest.warns(UserWarning, match=message):
        dataset = load_dataset(folder)
    assert dataset.missing_documents == 1
    assert load_dataset(folder, needs_corpus=False).missing_documents is None


def test_a_corpus_of_other_documents_is_refused(folder: Path) -> None:
    write(folder, "qrels/test.tsv", "q1\tx1\t1", "q2\tx2\t1")
    with pytest.raises(InvalidDataError, match="none of the 2 judged documents is in the corpus"):
        load_dataset(folder)


def test_queries_that_are_documents_are_counted(folder: Path) -> None:
    assert load_dataset(folder).queries_in_corpus == 0
    for text, expected in (("heart attack heart", 1), ("other words", 0)):
        write(folder, "queries.jsonl", json.dumps({"_id": "d1", "text": text}))
        write(folder, "qrels/test.tsv", "d1\td2\t1")
        assert load_dataset(folder).queries_in_corpus == expected


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_compressed_files_are_read(
    folder: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    plain = load_dataset(folder)
    documents = list(plain.corpus())
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (folder / f"{name}{suffix}").write_bytes(pack((folder / name).read_bytes()))
        (folder / name).unlink()
    packed = load_dataset(folder)
    assert packed == plain
    assert list(packed.corpus()) == documents


# What collections in use look like: judgements, and the grades that both readers must see.
HEADER = "query-id\tcorpus-id\tscore\n"
LINES = "q1\td1\t1\nq2\td2\t0\nq2\td3\t2\n"
ODD_JUDGEMENTS = {
    "plain": (HEADER + LINES, None),
    "float grades": (HEADER + "q1\td1\t1.0\nq2\td2\t0.0\nq2\td3\t2.0\n", None),
    "byte order mark": (
        "\ufeff" + HEADER + LINES,
        None,
    ),
    "other header": ("qid\tpid\trelevance\n" + LINES, None),
    "no header": (LINES, None),
    "blank lines": ("\nq1\td1\t1\n\n  \nq2\td2\t0\nq2\td3\t2\n\n", None),
    "TREC, white space": ("q1 0 d1 1\nq2 Q0 d2 0\nq2  0 d3 2\n", None),
    "TREC, tabs": ("q1\t0\td1\t1\nq2\t0\td2\t0\nq2\t0\td3\t2\n", None),
    "Windows line ends": ("q1\td1\t1\r\nq2\td2\t0\r\nq2\td3\t2\r\n", None),
    "repeats": ("q1\td1\t1\n" + LINES, None),
    "unknown query": ("q1\td1\t1\nq9\td1\t1\n", "line 2, field 'query-id': there is no query 'q9'"),
    "repeats that differ": ("q1\td1\t1\nq1\td1\t2\n", "line 2: document 'd1' has grade 2"),
    "half grades": ("q1\td1\t0.5\n", "line 1, field 'score': '0.5' is not a whole number"),
    "infinite grades": ("q1\td1\t1\nq1\td2\tinf\n", "line 2, field 'score': 'inf'"),
    "spaces for tabs": ("q1 d1 1\n", "line 1: 1 fields"),
    "nothing": (HEADER, "no judgements in it"),
}


@pytest.mark.parametrize(("text", "message"), ODD_JUDGEMENTS.values(), ids=ODD_JUDGEMENTS)
def test_evaluation_and_training_read_odd_judgements_alike(
    folder: Path, text: str, message: str | None
) -> None:
    (folder / "qrels" / "test.tsv").write_text(text, encoding="utf-8", newline="")
    if message is not None:
        for read in (load_dataset, open_source):
            with pytest.raises(InvalidDataError, match=message):
                read(folder, "test")
        return
    assert load_dataset(folder).qrels == {"q1": {"d1": 1}, "q2": {"d2": 0, "d3": 2}}
    source = open_source(folder, "test")
    pairs = [(source[at].query, source[at].documents) for at in range(len(source))]
    assert pairs == [("heart", ("Hearts heart attack heart",)), ("cancer lung", ("heart lung",))]


def test_evaluation_and_training_read_odd_ids_and_titles_alike(folder: Path) -> None:
    rows = [{"_id": '"d1', "title": None, "text": "a"}, {"_id": 2, "title": "b", "text": "c"}]
    write(folder, "corpus.jsonl", "\ufeff" + json.dumps(rows[0]), "", json.dumps(rows[1]))
    write(folder, "queries.jsonl", json.dumps({"_id": 1, "text": "q"}))
    write(folder, "qrels/test.tsv", '1\t"d1\t1', "1\t2\t1")
    dataset, source = load_dataset(folder), open_source(folder, "test")
    assert dataset.qrels == {"1": {'"d1': 1, "2": 1}}
    texts = {document.id: document.text for document in dataset.corpus()}
    assert texts == {'"d1': "a", "2": "b c"}
    assert [source[at].documents for at in range(len(source))] == [("a",), ("b c",)]


def test_training_leaves_out_what_gives_no_example(folder: Path) -> None:
    write(folder, "qrels/test.tsv", "q1\td1\t1", "q1\td9\t1", "q2\td1\t0")
    with (
        pytest.warns(UserWarning, match="1 of 2 judged documents are not in the corpus"),
        pytest.warns(UserWarning, match="1 of 2 judged queries have no positive, such as 'q2'"),
    ):
        assert len(open_source(folder, "test")) == 1


@pytest.mark.parametrize("name", ["corpus", "queries"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "cannot be read"),
        ('{"_id": "x", "n": ' + "1" * 5000 + "}", "cannot be read"),
        (b'{"_id": "x\xff"}', "not UTF-8"),
        ('{"_id": "same", "text": "a"}\n{"_id": "same", "text": "b"}', "'same' is there twice"),
    ],
    ids=["half", "nested", "digits", "UTF-8", "twice"],
)
def test_evaluation_and_training_refuse_bad_lines_alike(
    folder: Path, name: str, line: str | bytes, message: str
) -> None:
    write(folder, f"{name}.jsonl", line)
    for read in (load_dataset, open_source):
        with pytest.raises(InvalidDataError, match=rf"{name}\.jsonl, line [12].*{message}"):
            read(folder, "test")
