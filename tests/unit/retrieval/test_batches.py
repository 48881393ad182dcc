from __future__ import annotations

from collections.abc import Iterator

import pytest

from splade_sdk.errors import InvalidTypeError
from splade_sdk.retrieval.batches import document_batches
from splade_sdk.types import Document, SparseVector


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


def test_an_item_that_is_no_document_is_named_after_the_batches_before_it() -> None:
    mixed = [*docs("a", "b", "c"), {"id": "d", "text": "x"}]
    batches = document_batches(mixed, batch_size=2)  # type: ignore[arg-type]
    assert [document.id for document in next(batches)] == ["a", "b"]
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
        list(document_batches(given, batch_size=2))  # type: ignore[arg-type]
