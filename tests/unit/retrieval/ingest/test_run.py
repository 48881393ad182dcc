"""The failure policy of an upsert, against a collection that fails on demand."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import pytest

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import (
    AuthenticationError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexDamagedError,
    InvalidDocumentError,
    InvalidVectorError,
    RequestRejectedError,
)
from splade_sdk.qdrant.base import Point
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.ingest.points import PointBuilder
from splade_sdk.retrieval.ingest.run import ingest
from splade_sdk.retrieval.ingest.stream import Batch, SeenIds, document_batches, read_documents
from splade_sdk.types import Document, IngestReport, SparseVector
from tests.unit.fakes import DIMENSIONS, WordEncoder


class FailingCollection:
    """Stores points, except in the calls that are told to fail."""

    contract = CollectionContract.make(WordEncoder().fingerprint, None, None)

    def __init__(self, **failures: EngineError) -> None:
        self.failures = {int(call.removeprefix("call")): e for call, e in failures.items()}
        self.calls = 0
        self.points: list[Point] = []

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        return {}

    def upsert(self, points: Sequence[Point]) -> None:
        self.calls += 1
        if error := self.failures.get(self.calls):
            raise error
        self.points.extend(points)


class Counted:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def update(self, n: int) -> None:
        self.seen.append(n)


def batches(*groups: str) -> list[list[Document]]:
    return [[Document(id=each, text=f"text {each}") for each in group] for group in groups]


def run(
    groups: Iterable[Sequence[Document]],
    collection: FailingCollection,
    encoder: SparseEncoder | None = None,
    progress: Counted | None = None,
) -> IngestReport:
    builder = PointBuilder(
        collection,  # type: ignore[arg-type]
        EncoderPair(encoder or WordEncoder()),  # type: ignore[arg-type]
        skip_unchanged=True,
    )

    def made() -> Iterator[Batch]:
        for group in groups:
            yield from document_batches(
                read_documents(group, builder.draft, seen), batch_size=len(group)
            )

    with closing(SeenIds()) as seen:
        return ingest(
            made(),
            builder=builder,
            collection=collection,  # type: ignore[arg-type]
            progress=progress or Counted(),
            seen=seen,
        )


def test_every_batch_is_encoded_once_and_stored() -> None:
    encoder, collection, progress = WordEncoder(), FailingCollection(), Counted()
    report = run(batches("ab", "c"), collection, encoder, progress)  # type: ignore[arg-type]
    assert (report.stored, report.empty, report.failed) == (3, 0, ())
    assert encoder.calls == [["text a", "text b"], ["text c"]]
    assert len(collection.points) == 3
    assert progress.seen == [2, 1]
    assert report.encode_s > 0
    assert report.store_s > 0


def test_empty_texts_are_stored_and_counted() -> None:
    report = run([[Document("a", ""), Document("b", "word")]], FailingCollection())
    assert (report.stored, report.empty) == (2, 1)


def test_a_ready_made_vector_is_stored_as_it_is() -> None:
    vector = SparseVector.from_dict({5: 0.5, 9: 2.0}, DIMENSIONS)
    encoder, collection = WordEncoder(), FailingCollection()
    mixed = [Document("a", "one"), Document("b", "two", vector=vector), Document("c", "three")]
    run([mixed], collection, encoder)  # type: ignore[arg-type]
    assert encoder.calls == [["one", "three"]]
    assert collection.points[1].vector == vector
    assert collection.points[2].vector == encoder.encode("three")


def test_a_batch_of_ready_made_vectors_needs_no_encoding() -> None:
    vector = SparseVector.from_dict({5: 0.5}, DIMENSIONS)
    encoder = WordEncoder()
    run([[Document("a", "one", vector=vector)]], FailingCollection(), encoder)  # type: ignore[arg-type]
    assert encoder.calls == []


def test_a_vector_of_another_space_raises_after_the_documents_before_it_are_stored() -> None:
    collection = FailingCollection()
    foreign = Document("x", "t", vector=SparseVector.from_dict({1: 1.0}, 10))
    with pytest.raises(InvalidVectorError, match=r"document 'x' has 10 dimensions.*has 65536"):
        run([*batches("ab"), [Document("c", "t"), foreign]], collection)
    assert len(collection.points) == 3


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_metadata_that_is_no_json_raises_after_the_documents_before_it_are_stored(
    value: object,
) -> None:
    collection = FailingCollection()
    bad = [Document("c", "t"), Document("x", "t", {"tag": value})]
    with pytest.raises(InvalidDocumentError, match="'x'"):
        run([*batches("ab"), bad], collection)
    assert len(collection.points) == 3


@pytest.mark.parametrize("kind", [RequestRejectedError, EngineError])
def test_a_refused_batch_is_reported_and_the_next_one_tried(kind: type[EngineError]) -> None:
    cause = kind("too large")
    report = run(batches("ab", "cd", "e"), FailingCollection(call2=cause))
    assert report.stored == 3
    assert [(batch.ids, batch.cause) for batch in report.failed] == [(("c", "d"), cause)]


def test_also_the_first_batch_may_be_refused() -> None:
    report = run(batches("ab", "c"), FailingCollection(call1=RequestRejectedError("bad")))
    assert report.stored == 1
    assert report.failed[0].ids == ("a", "b")


@pytest.mark.parametrize("kind", [EngineConnectionError, EngineTimeoutError])
def test_an_engine_that_cannot_be_reached_at_all_raises(kind: type[EngineError]) -> None:
    collection = FailingCollection(call1=kind("no answer"))
    with pytest.raises(kind, match="no answer"):
        run(batches("ab", "c"), collection)
    assert collection.calls == 1


def test_one_lost_connection_is_reported() -> None:
    cause = EngineConnectionError("reset")
    report = run(batches("a", "b", "c"), FailingCollection(call2=cause))
    assert report.stored == 2
    assert [batch.ids for batch in report.failed] == [("b",)]


def test_three_lost_connections_in_a_row_raise_and_tell_what_is_stored() -> None:
    lost = EngineConnectionError("reset")
    collection = FailingCollection(call2=lost, call3=lost, call4=lost)
    with pytest.raises(EngineConnectionError, match=r"reset; 3 batches .* the 2 documents stored"):
        run(batches("ab", "c", "d", "e", "f"), collection)
    assert (collection.calls, len(collection.points)) == (4, 2)


def test_a_batch_between_lost_connections_starts_the_count_again() -> None:
    lost = EngineConnectionError("reset")
    report = run(batches(*"abcdef"), FailingCollection(call2=lost, call3=lost, call5=lost))
    assert report.stored == 3
    assert [batch.ids for batch in report.failed] == [("b",), ("c",), ("e",)]


@pytest.mark.parametrize("kind", [AuthenticationError, IndexDamagedError])
def test_what_no_later_batch_survives_raises_at_once(kind: type[EngineError]) -> None:
    collection = FailingCollection(call2=kind("no"))
    with pytest.raises(kind):
        run(batches("a", "b", "c"), collection)
    assert (collection.calls, len(collection.points)) == (2, 1)


class TestReportOfWhatRaised:
    def test_a_stream_that_breaks(self) -> None:
        def stream() -> Iterator[list[Document]]:
            yield from batches("ab", "cd", "e")
            raise OSError("disk")

        refused = RequestRejectedError("bad")
        with pytest.raises(OSError, match="disk") as raised:
            run(stream(), FailingCollection(call2=refused))
        report = raised.value.report  # type: ignore[attr-defined]
        assert (report.stored, report.failed[0].ids) == (3, ("c", "d"))
        if sys.version_info >= (3, 11):
            assert raised.value.__notes__ == [
                "before this, 3 documents were stored, 0 were unchanged, 2 failed"
            ]

    def test_an_engine_that_gives_up(self) -> None:
        with pytest.raises(AuthenticationError) as raised:
            run(batches("ab", "c"), FailingCollection(call2=AuthenticationError("no")))
        assert raised.value.report.stored == 2  # type: ignore[attr-defined]

    def test_ctrl_c(self) -> None:
        def stream() -> Iterator[list[Document]]:
            yield from batches("a", "b", "c")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as raised:
            run(stream(), FailingCollection())
        assert raised.value.report.stored >= 1  # type: ignore[attr-defined]
