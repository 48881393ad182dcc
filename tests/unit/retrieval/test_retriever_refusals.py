from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import models

from splade_sdk import Document, Retriever
from splade_sdk.errors import (
    CollectionNotFoundError,
    ConfigError,
    InvalidFilterError,
    InvalidTypeError,
)
from tests.unit.fakes import WordEncoder


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=WordEncoder()) as made:
        made.upsert([Document("a", "one"), Document("b", "two")])
        yield made


@pytest.mark.parametrize("given", [{}, {"must": []}, {"should": []}, {"must_not": []}])
def test_a_filter_without_conditions_deletes_nothing(
    retriever: Retriever, given: dict[str, list[models.Condition]]
) -> None:
    with pytest.raises(InvalidFilterError, match="delete every document"):
        retriever.delete(filter=models.Filter(**given))
    assert retriever.count() == 2


@pytest.mark.parametrize("size", [0, -1, "3", True])
def test_pages_of_no_documents_are_refused(retriever: Retriever, size: int) -> None:
    with pytest.raises((ConfigError, InvalidTypeError), match=f"batch_size is {size!r}"):
        retriever.documents(batch_size=size)
    with pytest.raises((ConfigError, InvalidTypeError), match=f"batch_size is {size!r}"):
        retriever.upsert([Document("c", "three")], batch_size=size)
    assert retriever.count() == 2


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (
            {"encoder": "naver/splade-v3"},
            InvalidTypeError,
            r"as in SpladeEncoder\('naver/splade-v3'\)",
        ),
        ({"encoder": WordEncoder}, InvalidTypeError, r"the class WordEncoder: pass an object"),
        (
            {"encoder": 5},
            InvalidTypeError,
            "encoder is int: expected an object with",
        ),
        ({"settings": {"on_disk": True}}, InvalidTypeError, r"CollectionSettings\(\*\*settings\)"),
        ({"retry": 3}, InvalidTypeError, r"retry is int: expected RetrySettings\(...\) or None"),
        ({"timeout_s": "3"}, InvalidTypeError, r"timeout_s is '3' \(str\): expected seconds"),
        ({"timeout_s": 0}, ConfigError, "timeout_s is 0: expected a finite number"),
        ({"collection": "a/b"}, ConfigError, "collection is 'a/b'"),
        ({"collection": "\ud800"}, ConfigError, "no lone surrogate"),
        ({"url": Path("index")}, InvalidTypeError, "url is .*Path: .* for a folder pass path="),
        ({"url": "localhost:6333"}, ConfigError, "url is 'localhost:6333': expected http://host"),
        ({"url": "http://"}, ConfigError, "url is 'http://'"),
        ({"url": "http://host:port"}, ConfigError, "url is 'http://host:port'"),
        ({"url": "http://user:secret@host:x"}, ConfigError, "url is 'http://host:x'"),
        ({"url": None, "path": ""}, ConfigError, "path is '': expected the path of a folder"),
        (
            {"url": None, "path": "http://host:1"},
            ConfigError,
            r"as in Retriever\('http://host:1'\)",
        ),
        ({"url": None, "path": ":memory:"}, ConfigError, r"as in Retriever\(':memory:'\)"),
        ({"url": None, "path": 5}, InvalidTypeError, "path is int"),
        ({"url": None, "path": b"index"}, InvalidTypeError, "path is bytes"),
        ({"url": None, "path": "a\0b"}, ConfigError, "path is 'a"),
        ({"url": None}, ConfigError, "give exactly one"),
        ({"path": "index"}, ConfigError, "give exactly one"),
    ],
)
def test_what_a_retriever_cannot_be_made_of(
    given: dict[str, Any], kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told) as caught:
        Retriever(**{"url": ":memory:", "encoder": WordEncoder(), **given})
    assert "secret" not in str(caught.value)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with Retriever(path="~/index", encoder=WordEncoder()) as retriever:
        retriever.upsert([Document("a", "one")])
    assert (tmp_path / "index/documents").is_dir()


def _broken() -> Iterator[Document]:
    raise OSError("disk")
    yield  # type: ignore[unreachable]


@pytest.mark.parametrize("documents", ["text", [{"id": "a"}], None, Document("a", "t"), _broken])
@pytest.mark.parametrize("method", ["upsert", "sync"])
def test_nothing_is_made_for_what_holds_no_documents(
    tmp_path: Path, documents: Any, method: str
) -> None:
    with Retriever(path=tmp_path / "index", encoder=WordEncoder()) as retriever:
        with pytest.raises((InvalidTypeError, OSError)):
            getattr(retriever, method)(documents() if callable(documents) else documents)
        with pytest.raises(CollectionNotFoundError):
            retriever.count()
    assert not (tmp_path / "index").exists()


def test_of_a_stream_no_document_is_lost() -> None:
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        report = retriever.upsert(Document(each, f"word {each}") for each in "abc")
        assert (report.stored, retriever.count()) == (3, 3)
