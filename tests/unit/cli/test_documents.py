from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from splade_sdk.cli.documents import Fields, read_documents
from splade_sdk.errors import InvalidDataError
from splade_sdk.types import Document


def read(path: Path, fields: Fields | None = None) -> list[Document]:
    return list(read_documents([path], fields or Fields()))


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_json_lines_keep_other_fields_as_metadata(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.jsonl", {"id": 7, "text": "one", "year": 2024, "metadata": {"tag": "x"}}
    )
    assert read(path) == [Document("7", "one", {"year": 2024, "tag": "x"})]


def test_fields_can_be_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.jsonl", {"_id": "a", "title": "T", "body": "B", "year": 1, "noise": 2}
    )
    fields = Fields(id="_id", text=("title", "body"), metadata=("year",))
    assert read(path, fields) == [Document("a", "T\nB", {"year": 1})]


def test_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "text": "x"}\n\n  \n{"id": "b", "text": ""}\n')
    assert [document.id for document in read(path)] == ["a", "b"]


def test_csv_and_tsv(tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text('id,text,year\na,"one, two\nthree",2024\n', encoding="utf-8")
    assert read(table) == [Document("a", "one, two\nthree", {"year": 2024})]
    tabs = tmp_path / "d.tsv"
    tabs.write_text("id\ttext\nb\tone, two\n", encoding="utf-8")
    assert read(tabs) == [Document("b", "one, two", {})]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2024", 2024),
        ("-3", -3),
        ("2.50", 2.5),
        ("1e-05", 1e-05),
        ("true", True),
        ("false", False),
        # What JSON does not read as a number, or Qdrant cannot hold, stays text.
        ("007", "007"),
        ("+3", "+3"),
        (".5", ".5"),
        ("1e999", "1e999"),
        ("9223372036854775808", "9223372036854775808"),
        ("NaN", "NaN"),
        ("True", "True"),
        ("", ""),
        (" 3", " 3"),
        ("٣", "٣"),
    ],
)
def test_cells_of_a_table_are_read_as_json_would(tmp_path: Path, cell: str, value: object) -> None:
    table = tmp_path / "d.csv"
    table.write_text(f"id,text,year\n1,2,{cell}\n", encoding="utf-8")
    [document] = read(table)
    assert (document.id, document.text) == ("1", "2")
    assert document.metadata == {"year": value}
    assert type(document.metadata["year"]) is type(value)


def test_a_field_of_a_table_can_stay_text(tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text("id,text,code,n\na,x,12,3\n", encoding="utf-8")
    assert read(table, Fields(strings=("code",)))[0].metadata == {"code": "12", "n": 3}


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_bytes(b"\xef\xbb\xbfheart")
    assert read(note)[0].text == "heart"


def test_a_csv_cell_may_be_long(tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text(f"id,text\na,{'x' * 200_000}\n", encoding="utf-8")
    assert len(read(table)[0].text) == 200_000  # the csv module's own limit is 131,072


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.md", "a.txt", "sub/c.RST", "sub/skipped.py"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    found = read(tmp_path)
    assert [document.id for document in found] == ["a.txt", "b.md", "sub/c.RST"]
    assert found[2].metadata == {"path": str(tmp_path / "sub" / "c.RST")}


def test_a_dash_reads_json_lines_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO('{"id": "a", "text": "é"}\n'.encode()), encoding="ascii")
    monkeypatch.setattr("sys.stdin", stdin)
    assert read(Path("-")) == [Document("a", "é", {})]


def test_documents_before_a_bad_line_have_been_yielded(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"id": "a", "text": "x"}\nnonsense\n', encoding="utf-8")
    documents = read_documents([path], Fields())
    assert next(documents).id == "a"
    with pytest.raises(InvalidDataError, match=r"d\.jsonl, line 2: not JSON"):
        next(documents)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "a"}', r"d\.jsonl, line 1: no field 'text'; it has 'id': .*--text-field"),
        ('{"text": "x"}', r"d\.jsonl, line 1: no field 'id'; it has 'text': .*--id-field"),
        ('{"id": "", "text": "x"}', "field 'id' is '': expected a non-empty string"),
        ('{"id": null, "text": "x"}', "field 'id' is None"),
        ('{"id": 1.5, "text": "x"}', "field 'id' is 1.5"),
        ('{"id": true, "text": "x"}', "field 'id' is True"),
        ('{"id": "a", "text": 3}', "field 'text' is int: expected a string"),
        (
            '{"id": "a", "text": "\\ud800"}',
            r"d\.jsonl, line 1: text of document 'a' has a lone surrog",
        ),
        ("[1]", r"d\.jsonl, line 1: list: expected a JSON object a line"),
        ("{", r"d\.jsonl, line 1: not JSON \(.* at character 2\)"),
    ],
)
def test_a_bad_line_names_file_line_and_field(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InvalidDataError, match=told):
        read(path)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("id,text\na,b,c\n", r"d\.csv, line 2: 3 cells, but the header has 2"),
        ("id,text\na,b\nc\n", r"d\.csv, line 3: no field 'text'"),
        ('id,text\na,"b\n', r"d\.csv, after line 1: not CSV: unexpected end of data"),
        ("key,text\na,b\n", r"d\.csv, line 2: no field 'id'; it has 'key', 'text'"),
    ],
)
def test_a_bad_table_row_names_file_line_and_field(tmp_path: Path, table: str, told: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(InvalidDataError, match=told):
        read(path)


def test_files_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InvalidDataError, match=r"a\.txt: not UTF-8 at byte 3"):
        read(tmp_path)
    lines = tmp_path / "d.jsonl"
    lines.write_bytes(b'{"id": "a", "text": "caf\xe9"}\n')
    with pytest.raises(InvalidDataError, match=r"d\.jsonl, line 1: not UTF-8"):
        read(lines)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match=r"gone\.jsonl: cannot be read: No such file"):
        read(tmp_path / "gone.jsonl")
    with pytest.raises(InvalidDataError, match=r"d\.pdf: cannot tell what is in it .*\.jsonl"):
        read(tmp_path / "d.pdf")
    with pytest.raises(InvalidDataError, match=r"no file ending in \.txt, \.md, \.rst"):
        read(tmp_path)
