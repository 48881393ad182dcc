from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Ran
from tests.unit.fakes import DIMENSIONS

Splade = Callable[..., Ran]


def term(word: str) -> int:
    return zlib.crc32(word.encode()) % DIMENSIONS


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_one_json_object_a_text(splade: Splade) -> None:
    ran = splade("encode", "attack attack", "")
    assert (ran.code, ran.err) == (0, "")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"indices": [term("attack")], "values": [2.0]},
        {"indices": [], "values": []},
    ]


def test_terms_the_heaviest_first(splade: Splade) -> None:
    ran = splade("encode", "--terms", "heart attack attack")
    (line,) = [json.loads(line) for line in ran.out.splitlines()]
    attack, heart = f"term{term('attack')}", f"term{term('heart')}"
    assert list(line["terms"].items()) == [(attack, 2.0), (heart, 1.0)]


def test_lines_of_stdin_stay_aligned(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "one\n\nzwei é\r\n")
    lines = [json.loads(line) for line in splade("encode").out.splitlines()]
    assert [len(line["indices"]) for line in lines] == [1, 0, 2]


def test_more_lines_than_a_batch(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "word\n" * 600)
    assert len(splade("encode").out.splitlines()) == 600


def test_json_lines_keep_their_id(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, '{"key": "a", "body": "one"}\n{"key": "b", "body": "two two"}\n')
    ran = splade("encode", "--jsonl", "--id-field", "key", "--text-field", "body")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [(line["id"], line["values"]) for line in lines] == [("a", [1.0]), ("b", [2.0])]


def test_a_bad_line_of_stdin_is_named(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, '{"id": "a", "text": "one"}\n{"id": "b"}\n')
    ran = splade("encode", "--jsonl")
    assert ran.code == 1
    assert ran.err.startswith("error: stdin, line 2: no field 'text'")
    assert ran.err.count("\n") == 1
