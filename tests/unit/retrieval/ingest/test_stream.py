"""Documents are read once: batches, repeated ids, what cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest

from splade_sdk.errors import ConfigError, InvalidDataError, InvalidDocumentError, InvalidTypeError
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.payload import to_payload
from splade_sdk.retrieval.ingest import stream
from splade_sdk.retrieval.ingest.points import Draft
from splade_sdk.retrieval.ingest.stream import Batch, SeenIds, SourceRow, peek_first, read_documents
from splade_sdk.types import Document, SparseVector


def draft(document: Document) -> Draft:
    return Draft(point_id(document.id), document, to_payload(document))


def batches_of(documents: Any, **options: Any) -> Iterator[Batch]:
    with closing(SeenIds()) as seen:
        yield from stream.document_batches(read_documents(documents, draft, seen), **options)


def document_batches(documents: Any, **options: Any) -> Iterator[list[Document]]:
    for batch in batches_of(documents, **options):
        yield [each.document for each in batch.drafts.values()]


def docs(*ids: str) -> list[Document]:
    return [Document(id=each, text=f"text of {each}") for each in ids]


def ids_of(batches: Iterator[list[Document]]) -> list[list[str]]:
    return [[document.id for document in batch] for batch in batches]


def test_batches_keep_the_order_and_the_last_one_is_shorter() -> None:
    assert ids_of(document_batches(docs(*"abcde"), batch_size=2)) == [["a", "b"], ["c", "d"], ["e"]]


def test_no_documents_give_no_batch() -> None:
    assert list(document_batches(iter([]), batch_size=2)) == []


def test_of_equal_ids_in_a_batch_the_last_document_stays() -> None:
    twice = [Document("a", "old"), Document("b", "other"), Document("a", "new")]
    (batch,) = document_batches(twice, batch_size=3)
    assert [(d.id, d.text) for d in batch] == [("a", "new"), ("b", "other")]


def test_a_duplicate_does_not_fill_the_batch() -> None:
    assert ids_of(document_batches(docs("a", "a", "b", "c"), batch_size=2)) == [["a", "b"], ["c"]]


def test_long_texts_end_a_batch_early() -> None:
    long = [Document(str(n), "x" * 60) for n in range(4)]
    # 60 characters are taken to become 60 terms of 28 bytes: 2 * (60 + 60 * 28) = 3480 >= 3000.
    batches = document_batches(long, batch_size=10, max_bytes=3000)
    assert ids_of(batches) == [["0", "1"], ["2", "3"]]


def test_the_size_of_a_text_is_that_of_its_utf8() -> None:
    long = [Document(str(n), "\N{SNOWMAN}" * 60) for n in range(4)]
    # 60 characters of 3 bytes: 60 * 3 + 60 * 28 = 1860 >= 1800 > 1740 = 60 + 60 * 28.
    assert ids_of(document_batches(long, batch_size=10, max_bytes=1800)) == [[n] for n in "0123"]


def test_large_ready_made_vectors_end_a_batch_early() -> None:
    vector = SparseVector.from_dict(dict.fromkeys(range(100), 1.0), 1000)
    large = [Document(str(n), "", vector=vector) for n in range(4)]
    # 100 terms of 28 bytes: 2 * 2800 = 5600 >= 5000.
    batches = document_batches(large, batch_size=10, max_bytes=5000)
    assert ids_of(batches) == [["0", "1"], ["2", "3"]]


def test_it_reads_no_further_than_the_batch_in_hand() -> None:
    read: list[str] = []

    def stream() -> Iterator[Document]:
        for document in docs(*"abcdef"):
            read.append(document.id)
            yield document

    batches = document_batches(stream(), batch_size=2)
    assert read == []
    next(batches)
    assert read == ["a", "b"]
    next(batches)
    assert read == ["a", "b", "c", "d"]


def test_an_item_that_is_no_document_is_named_after_the_documents_before_it() -> None:
    mixed = [*docs("a", "b", "c"), {"id": "d", "text": "x"}]
    batches = document_batches(mixed, batch_size=2)
    assert [document.id for document in next(batches)] == ["a", "b"]
    assert [document.id for document in next(batches)] == ["c"]
    with pytest.raises(InvalidTypeError, match=r"documents\[3\] is dict: .* Document\(\*\*row\)"):
        next(batches)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "documents is NoneType"),
        ("text", r"documents is str: .* Document\(id='a1', text"),
        (b"text", "documents is bytes"),
        ({"id": "a"}, r"documents is dict: .* Document\(id="),
        (Document("a", "b"), r"one Document: .*\[document\]"),
        (7, "documents is int"),
        (["text"], r"documents\[0\] is str"),
    ],
)
def test_what_is_no_iterable_of_documents_is_refused(given: object, told: str) -> None:
    with pytest.raises(InvalidTypeError, match=told):
        list(document_batches(given, batch_size=2))


class TestBadDocuments:
    BAD = Document("bad", "t", {"x": float("nan")})

    def test_are_named_by_id_and_position(self) -> None:
        batches = document_batches([*docs("a"), self.BAD, *docs("b")], batch_size=5)
        assert [document.id for document in next(batches)] == ["a"]
        with pytest.raises(InvalidDocumentError, match=r"^documents\[1\]: .*'x' of document 'bad'"):
            next(batches)

    def test_are_left_out_on_request(self) -> None:
        [batch] = batches_of([*docs("a"), self.BAD, 7, *docs("b")], batch_size=5, skip_bad=True)
        assert [each.document.id for each in batch.drafts.values()] == ["a", "b"]
        assert [(each.id, type(each.error)) for each in batch.rejected] == [
            ("bad", InvalidDocumentError),
            ("documents[2]", InvalidTypeError),
        ]
        assert batch.read == 4
        assert all(each.error.__traceback__ is None for each in batch.rejected)

    def test_alone_fill_batches_too(self) -> None:
        batches = list(batches_of([self.BAD] * 5, batch_size=2, skip_bad=True))
        assert [len(batch.rejected) for batch in batches] == [2, 2, 1]

    def test_a_missing_encoder_is_no_bad_document(self) -> None:
        def no_encoder(document: Document) -> Draft:
            raise ConfigError(f"no encoder for document {document.id!r}")

        with closing(SeenIds()) as seen:
            items = read_documents(docs("a"), no_encoder, seen)
            with pytest.raises(ConfigError, match=r"documents\[0\]: no encoder for document 'a'"):
                list(stream.document_batches(items, batch_size=2, skip_bad=True))

    def test_rows_of_a_source_are_named_by_their_place(self) -> None:
        unreadable = InvalidDataError("f.jsonl, line 2: no JSON")
        rows: Iterable[SourceRow] = [
            SourceRow("f.jsonl, line 1", Document("a", "t")),
            SourceRow("f.jsonl, line 2", error=unreadable, id="b"),
            SourceRow("f.jsonl, line 3", error=unreadable),
            SourceRow("f.jsonl, line 4", self.BAD),
        ]
        [batch] = batches_of(rows, batch_size=9, skip_bad=True)
        assert [each.document.id for each in batch.drafts.values()] == ["a"]
        assert [each.id for each in batch.rejected] == ["b", "f.jsonl, line 3", "bad"]
        assert batch.rejected[0].error is unreadable
        assert str(batch.rejected[2].error).startswith("f.jsonl, line 4: metadata 'x' of document")
        with pytest.raises(InvalidDataError, match=r"f\.jsonl, line 2: no JSON"):
            list(batches_of(rows, batch_size=9))

    def test_the_first_one_raises_before_anything_is_stored(self) -> None:
        with pytest.raises(InvalidTypeError, match=r"documents\[0\] is int"):
            peek_first([7])  # type: ignore[list-item]
        given = iter([7, Document("a", "t")])
        left = peek_first(given, skip_bad=True)  # type: ignore[arg-type]
        [batch] = batches_of(left, batch_size=9, skip_bad=True)
        assert (len(batch.drafts), batch.rejected[0].id) == (1, "documents[0]")


class TestRepeatedIds:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
    def test_count_the_same_wherever_batches_begin(self, batch_size: int) -> None:
        given = docs(*"abcabad")
        with closing(SeenIds()) as seen:
            items = read_documents(given, draft, seen)
            batches = list(stream.document_batches(items, batch_size=batch_size))
            assert (seen.count, seen.duplicates, seen.duplicate_ids) == (7, 3, ["a", "b"])
        assert sum(len(batch.drafts) - len(batch.repeated) for batch in batches) == 4

    def test_only_the_first_ids_are_named(self) -> None:
        given = [Document(str(n), "t") for n in range(50)] * 2
        with closing(SeenIds()) as seen:
            list(read_documents(given, draft, seen))
            assert seen.duplicates == 50
            assert seen.duplicate_ids == [str(n) for n in range(10)]

    def test_a_good_document_after_a_bad_one_is_no_duplicate(self) -> None:
        bad, good = Document("a", "t", {"x": float("nan")}), Document("a", "t")
        with closing(SeenIds()) as seen:
            list(read_documents([bad, good, bad], draft, seen))
            assert (seen.count, seen.duplicates) == (3, 0)
            assert seen.absent([point_id("a"), point_id("b")]) == [point_id("b")]
