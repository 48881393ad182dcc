"""What upsert and sync leave alone, delete, resume and write down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from numpy import datetime64

from splade_sdk.config import DenseFingerprint
from splade_sdk.errors import (
    ConfigError,
    EngineConnectionError,
    InvalidDocumentError,
    InvalidInputError,
    InvalidVectorError,
    RequestRejectedError,
)
from splade_sdk.qdrant.base import Point
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.retrieval.encoding import EncoderPair
from splade_sdk.retrieval.ingest import run
from splade_sdk.retrieval.ingest.options import UpsertOptions
from splade_sdk.types import Document, IngestReport, SparseVector
from tests.unit.fakes import DIMENSIONS, WordEncoder


class Collection(MemoryCollection):
    """Counts what is asked of it, and refuses or breaks on demand."""

    def __init__(self, encoder: WordEncoder, dense: DenseFingerprint | None) -> None:
        super().__init__(encoder.fingerprint, None, dense)
        self.written: list[list[str]] = []
        self.refused = ""
        self.lookups = 0

    def upsert(self, points: Sequence[Point]) -> None:
        names = [point.payload["doc_id"] for point in points]
        if self.refused and self.refused in names:
            raise RequestRejectedError("too odd")
        super().upsert(points)
        self.written.append(names)

    def content_hashes(self, ids: Sequence[str]) -> dict[str, str]:
        self.lookups += 1
        return super().content_hashes(ids)

    def snapshot(self) -> list[Any]:
        records, _ = self.scroll(limit=10_000, with_vectors=True)
        return [(each.id, each.payload, each.vector) for each in records]


class Store:
    """An encoder and a collection, and the two operations on them."""

    def __init__(self, encoder: WordEncoder | None = None, dense: Any = None) -> None:
        self.encoder = encoder or WordEncoder()
        self.encoding = EncoderPair(self.encoder, dense)  # type: ignore[arg-type]
        self.collection = Collection(self.encoder, self.encoding.dense)

    def upsert(self, documents: Any, **options: Any) -> IngestReport:
        given = UpsertOptions(**{"batch_size": 2, **options})
        return run.upsert(documents, self.collection, self.encoding, given)

    def sync(self, documents: Any, *, allow_empty: bool = False, **options: Any) -> IngestReport:
        given = UpsertOptions(**{"batch_size": 2, **options})
        return run.sync(
            documents,
            self.collection,
            self.encoding,
            given,
            allow_empty=allow_empty,
        )

    def forget_calls(self) -> None:
        self.encoder.calls.clear()
        self.collection.written.clear()


@pytest.fixture
def store() -> Store:
    return Store()


def documents(ids: str, **metadata: Any) -> list[Document]:
    return [Document(each, f"text {each}", metadata) for each in ids]


class TestUnchanged:
    def test_the_second_run_encodes_and_writes_nothing(self, store: Store) -> None:
        first = store.upsert(documents("abcde", year=1))
        before = store.collection.snapshot()
        store.forget_calls()
        second = store.upsert(documents("abcde", year=1))
        assert (first.stored, first.skipped) == (5, 0)
        assert (second.stored, second.skipped) == (0, 5)
        assert (store.encoder.calls, store.collection.written) == ([], [])
        assert store.collection.snapshot() == before

    def test_only_what_changed_is_encoded(self, store: Store) -> None:
        store.upsert(documents("abcd"))
        store.forget_calls()
        report = store.upsert([*documents("abc"), Document("d", "new")])
        assert (report.stored, report.skipped) == (1, 3)
        assert store.encoder.calls == [["new"]]
        assert store.collection.written == [["d"]]

    def test_changed_metadata_is_stored_without_encoding(self, store: Store) -> None:
        store.upsert(documents("ab", year=1))
        before = store.collection.snapshot()
        store.forget_calls()
        report = store.upsert(documents("ab", year=2))
        assert (report.stored, report.skipped, store.encoder.calls) == (2, 0, [])
        after = store.collection.snapshot()
        assert [each[1]["metadata"] for each in after] == [{"year": 2}] * 2
        assert [each[2] for each in after] == [each[2] for each in before]

    def test_a_ready_made_vector_is_compared_too(self, store: Store) -> None:
        def made(weight: float) -> Document:
            return Document("a", "t", vector=SparseVector.from_dict({1: weight}, DIMENSIONS))

        assert store.upsert([made(1.0)]).stored == 1
        assert store.upsert([made(1.0)]).skipped == 1
        assert store.upsert([made(2.0)]).stored == 1
        # Without the vector the text is what counts.
        assert store.upsert([Document("a", "t")]).stored == 1
        assert store.encoder.calls == [["t"]]

    def test_on_request_all_is_written_again(self, store: Store) -> None:
        store.upsert(documents("ab"))
        store.forget_calls()
        assert store.upsert(documents("ab"), skip_unchanged=False).stored == 2
        assert store.encoder.calls == [["text a", "text b"]]

    def test_other_settings_of_the_encoder_encode_anew(self, store: Store) -> None:
        store.upsert(documents("ab"))
        store.encoder.document_settings = "512"  # type: ignore[attr-defined]
        assert store.upsert(documents("ab")).stored == 2

    def test_points_without_a_hash_are_written_again(self, store: Store) -> None:
        store.upsert(documents("a"))
        [record] = store.collection.scroll(with_vectors=True)[0]
        assert record.vector is not None
        bare = {key: value for key, value in record.payload.items() if key != "content_hash"}
        store.collection.upsert([Point(record.id, record.vector, bare)])
        assert store.upsert(documents("a")).stored == 1

    def test_an_id_that_comes_back_as_it_was_stored_wins(self, store: Store) -> None:
        store.upsert([Document("a", "first")])
        # The last one equals what is stored when the batches are compared, but not what is under
        # way by then.
        store.upsert([Document("a", "second"), Document("a", "first")], batch_size=1)
        assert [each[1]["text"] for each in store.collection.snapshot()] == ["first"]
        versions = [Document("a", f"v{n % 2}") for n in range(41)]
        store.upsert(versions, batch_size=1)
        assert [each[1]["text"] for each in store.collection.snapshot()] == ["v0"]


class TestSync:
    def test_what_is_gone_is_deleted(self, store: Store) -> None:
        store.upsert(documents("abcd"))
        report = store.sync(documents("bce"))
        assert (report.stored, report.skipped, report.deleted) == (1, 2, 2)
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == set("bce")

    def test_many_pages_are_deleted(self, store: Store) -> None:
        many = [Document(str(n), "t") for n in range(2500)]
        store.upsert(many, batch_size=500)
        report = store.sync(many[::2], batch_size=500)
        assert (report.skipped, report.deleted) == (1250, 1250)
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == {
            str(n) for n in range(0, 2500, 2)
        }

    def test_a_stream_that_breaks_deletes_nothing(self, store: Store) -> None:
        store.upsert(documents("abcd"))

        def broken() -> Iterator[Document]:
            yield from documents("ab")
            raise OSError("disk")

        with pytest.raises(OSError, match="disk") as raised:
            store.sync(broken())
        assert store.collection.count() == 4
        assert raised.value.report.skipped == 2  # type: ignore[attr-defined]

    def test_a_deletion_that_breaks_tells_what_was_done(self, store: Store) -> None:
        store.upsert([Document(str(n), "t") for n in range(2500)], batch_size=500)
        deleting, calls = store.collection.delete, iter(range(3))

        def delete(ids: Any) -> None:
            if next(calls) == 1:
                raise EngineConnectionError("gone")
            deleting(ids)

        store.collection.delete = delete  # type: ignore[method-assign]
        with pytest.raises(EngineConnectionError) as raised:
            store.sync([Document("new", "t")])
        report = raised.value.report  # type: ignore[attr-defined]
        assert report.stored == 1
        assert report.deleted == 2501 - store.collection.count() > 900

    def test_what_could_not_be_stored_keeps_its_stored_version(self, store: Store) -> None:
        store.upsert(documents("abc"))
        store.collection.refused = "a"
        report = store.sync([Document("a", "new")])
        assert (report.failed[0].ids, report.deleted) == (("a",), 2)
        assert [each[1]["text"] for each in store.collection.snapshot()] == ["text a"]

    def test_no_documents_at_all_must_be_meant(self, store: Store) -> None:
        assert store.sync([]).deleted == 0
        store.upsert(documents("abc"))
        with pytest.raises(InvalidInputError, match=r"all 3 stored .* allow_empty=True"):
            store.sync([])
        assert store.collection.count() == 3
        assert store.sync([], allow_empty=True).deleted == 3


class TestCheckpoint:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "done.jsonl"

    def interrupted(self, store: Store, path: Path, given: list[Document]) -> None:
        """Store the documents, and break after them."""

        def stream() -> Iterator[Document]:
            yield from given
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            store.upsert(stream(), checkpoint=path)
        store.forget_calls()
        store.collection.lookups = 0

    def test_it_goes_on_where_it_was(self, store: Store, path: Path) -> None:
        self.interrupted(store, path, documents("abcde"))  # ab, cd; e was in no batch yet
        assert len(path.read_text().splitlines()) == 2
        report = store.upsert(documents("abcdefg"), checkpoint=path, batch_size=3)
        assert (report.stored, report.skipped) == (3, 4)
        assert store.encoder.calls == [["text e", "text f", "text g"]]
        assert store.collection.lookups == 2  # one compares the file, one the batch
        assert not path.exists()

    def test_a_stream_that_changed_goes_on_at_the_change(self, store: Store, path: Path) -> None:
        self.interrupted(store, path, documents("abcdef"))
        changed = [*documents("abc"), Document("d", "new"), *documents("ef")]
        report = store.upsert(changed, checkpoint=path)
        assert (report.stored, report.skipped) == (1, 5)
        assert store.encoder.calls == [["new"]]

    def test_a_shorter_stream_is_no_error(self, store: Store, path: Path) -> None:
        self.interrupted(store, path, documents("abcdef"))
        assert store.upsert(documents("abc"), checkpoint=path).skipped == 3

    def test_another_collection_starts_anew(self, store: Store, path: Path) -> None:
        self.interrupted(store, path, documents("abcd"))
        other = Store()
        assert other.upsert(documents("abcd"), checkpoint=path).stored == 4

    def test_a_torn_last_line_is_ignored(self, store: Store, path: Path) -> None:
        self.interrupted(store, path, documents("abcd"))
        path.write_text(path.read_text()[:-10])
        report = store.upsert(documents("abcdef"), checkpoint=path)
        assert (report.stored, report.skipped) == (2, 4)

    def test_of_equal_ids_the_last_one_stays(self, store: Store, path: Path) -> None:
        twice = [Document("a", "old"), Document("a", "new"), *documents("bcd")]
        self.interrupted(store, path, twice)
        report = store.upsert(twice, checkpoint=path)
        assert (report.stored, report.skipped) == (0, 4)
        assert store.encoder.calls == []

    def test_it_does_not_go_past_a_batch_that_failed(self, store: Store, path: Path) -> None:
        store.collection.refused = "c"
        report = store.upsert(documents("abcdef"), checkpoint=path)
        assert [each.ids for each in report.failed] == [("c", "d")]
        assert len(path.read_text().splitlines()) == 1
        store.collection.refused = ""
        again = store.upsert(documents("abcdef"), checkpoint=path)
        assert (again.stored, again.skipped) == (2, 4)
        assert not path.exists()

    def test_sync_sees_also_what_was_done_before(self, store: Store, path: Path) -> None:
        store.upsert(documents("x"))
        self.interrupted(store, path, documents("abcd"))
        assert store.sync(documents("abcde"), checkpoint=path).deleted == 1
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == set("abcde")

    def test_a_folder_that_is_missing_is_told_first(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"checkpoint is .* is no folder"):
            store.upsert(documents("a"), checkpoint=tmp_path / "no" / "file")
        with pytest.raises(ConfigError, match=r"dead_letter is .* is no folder"):
            store.upsert(documents("a"), dead_letter=tmp_path / "no" / "file")
        assert store.collection.written == []


def test_dead_letters_hold_the_document_and_the_cause(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    ready = Document("c", "ü", {"n": 1}, SparseVector.from_dict({3: 0.5}, DIMENSIONS))
    store.collection.refused = "c"
    report = store.upsert([*documents("ab"), ready, *documents("d")], dead_letter=path)
    assert (report.stored, report.failed[0].ids) == (2, ("c", "d"))
    cause = "RequestRejectedError: too odd"
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {
            "id": "c",
            "text": "ü",
            "metadata": {"n": 1},
            "cause": cause,
            "vector": {"indices": [3], "values": [0.5]},
        },
        {"id": "d", "text": "text d", "metadata": {}, "cause": cause},
    ]


def test_dead_letters_leave_out_what_was_unchanged(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    store.upsert(documents("a"))
    store.collection.refused = "b"
    report = store.upsert(documents("ab"), dead_letter=path)
    assert (report.skipped, report.failed[0].ids) == (1, ("b",))
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["b"]


class TestRepeatedIds:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
    def test_count_once_wherever_batches_begin(self, store: Store, batch_size: int) -> None:
        given = [Document("a", "old"), Document("b", ""), Document("a", "new"), Document("b", "")]
        report = store.upsert(given, batch_size=batch_size)
        assert (report.stored, report.empty, report.skipped) == (2, 1, 0)
        assert (report.duplicates, report.duplicate_ids) == (2, ("a", "b"))
        assert {each[1]["text"] for each in store.collection.snapshot()} == {"new", ""}
        again = store.upsert([*documents("cc")], batch_size=batch_size)
        assert (again.stored, again.duplicates, again.duplicate_ids) == (1, 1, ("c",))

    def test_are_in_the_report_of_an_error(self, store: Store) -> None:
        def broken() -> Iterator[Document]:
            yield from documents("aab")
            raise OSError("disk")

        with pytest.raises(OSError, match="disk") as raised:
            store.upsert(broken())
        assert raised.value.report.duplicates == 1  # type: ignore[attr-defined]

    def test_count_also_in_what_a_checkpoint_leaves_out(self, store: Store, tmp_path: Path) -> None:
        def broken() -> Iterator[Document]:
            yield from documents("abacd")
            raise OSError("disk")

        with pytest.raises(OSError, match="disk"):
            store.upsert(broken(), checkpoint=tmp_path / "done.jsonl")
        report = store.upsert(documents("abacda"), checkpoint=tmp_path / "done.jsonl")
        # d was in no batch yet.
        assert (report.stored, report.skipped, report.duplicates) == (1, 3, 2)


BAD_VALUES = [
    float("nan"),
    2**65,
    {1, 2},
    "\ud800",
    {3: "x"},
    {"\udfff": 1},
    datetime64("NaT"),
    reduce(lambda inner, _: {"k": inner}, range(70), 1),
]


class TestBadDocuments:
    @pytest.mark.parametrize("value", BAD_VALUES, ids=[str(n) for n in range(len(BAD_VALUES))])
    def test_are_skipped_on_request_and_the_rest_is_stored(
        self, store: Store, tmp_path: Path, value: Any
    ) -> None:
        path = tmp_path / "dead.jsonl"
        bad = Document("x", "text x", {"tag": value, "year": 2024})
        given = [*documents("a"), bad, *documents("bc")]
        report = store.upsert(given, on_bad_document="skip", dead_letter=path, batch_size=4)
        assert (report.stored, [each.ids for each in report.failed]) == (3, [("x",)])
        assert isinstance(report.failed[0].cause, InvalidDocumentError)
        assert re.match(
            r"documents\[1\]: metadata .tag.* of document 'x'", str(report.failed[0].cause)
        )
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == set("abc")
        [row] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert (row["id"], row["text"], row["metadata"]["year"]) == ("x", "text x", 2024)
        assert isinstance(row["metadata"]["tag"], str)
        assert row["cause"].startswith("InvalidDocumentError: documents[1]: metadata ")

    def test_raise_after_the_documents_before_them_are_stored(self, store: Store) -> None:
        given = [*documents("abc"), Document("x", "t", {"y": float("inf")}), *documents("d")]
        with pytest.raises(
            InvalidDocumentError, match=r"documents\[3\]: .* document 'x'"
        ) as raised:
            store.upsert(given)
        assert raised.value.report.stored == 3  # type: ignore[attr-defined]
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == set("abc")

    def test_of_another_space_are_skipped_too(self, store: Store) -> None:
        foreign = Document("x", "t", vector=SparseVector.from_dict({1: 1.0}, 10))
        report = store.upsert([foreign, *documents("a")], on_bad_document="skip")
        assert (report.stored, report.failed[0].ids) == (1, ("x",))
        assert isinstance(report.failed[0].cause, InvalidVectorError)

    def test_that_are_no_documents_are_named_by_position(
        self, store: Store, tmp_path: Path
    ) -> None:
        path = tmp_path / "dead.jsonl"
        given = [*documents("a"), {"id": "x"}, None]
        report = store.upsert(given, on_bad_document="skip", dead_letter=path)
        assert [each.ids for each in report.failed] == [("documents[1]",), ("documents[2]",)]
        assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [
            "documents[1]",
            "documents[2]",
        ]

    def test_beside_a_batch_that_the_engine_refuses(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "dead.jsonl"
        store.collection.refused = "a"
        given = [*documents("a"), Document("x", "t", {"y": float("inf")}), *documents("b")]
        report = store.upsert(given, on_bad_document="skip", dead_letter=path, batch_size=3)
        assert [each.ids for each in report.failed] == [("a", "b"), ("x",)]
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert [(row["id"], row["cause"].split(":")[0]) for row in rows] == [
            ("a", "RequestRejectedError"),
            ("b", "RequestRejectedError"),
            ("x", "InvalidDocumentError"),
        ]

    def test_what_the_iterable_raises_is_raised(self, store: Store) -> None:
        def broken() -> Iterator[Document]:
            yield from documents("ab")
            raise OSError("disk")

        with pytest.raises(OSError, match="disk"):
            store.upsert(broken(), on_bad_document="skip")

    def test_keep_their_stored_version_in_a_sync(self, store: Store) -> None:
        store.upsert(documents("abx"))
        given = [*documents("a"), Document("x", "t", {"y": float("inf")})]
        report = store.sync(given, on_bad_document="skip")
        assert (report.deleted, report.failed[0].ids) == (1, ("x",))
        assert {each[1]["doc_id"] for each in store.collection.snapshot()} == set("ax")

    def test_without_an_id_keep_everything_in_a_sync(self, store: Store) -> None:
        store.upsert(documents("abx"))
        report = store.sync([*documents("a"), {"id": "x"}], on_bad_document="skip")
        assert (report.deleted, len(report.failed)) == (0, 1)
        assert store.collection.count() == 3

    def test_are_passed_by_a_checkpoint_and_reported_again(
        self, store: Store, tmp_path: Path
    ) -> None:
        path = tmp_path / "done.jsonl"
        bad = Document("x", "t", {"y": float("inf")})
        given = [bad, bad, *documents("ab"), bad, *documents("cd"), bad]

        def broken() -> Iterator[Document]:
            yield from given
            raise OSError("disk")

        with pytest.raises(OSError, match="disk"):
            store.upsert(broken(), checkpoint=path, on_bad_document="skip")
        assert [json.loads(line)["documents"] for line in path.read_text().splitlines()] == [4, 3]
        store.forget_calls()
        report = store.upsert(given, checkpoint=path, on_bad_document="skip")
        assert (report.stored, report.skipped, len(report.failed)) == (0, 4, 4)
        assert (store.encoder.calls, path.exists()) == ([], False)

    def test_that_were_mended_are_stored_by_the_next_run(
        self, store: Store, tmp_path: Path
    ) -> None:
        path = tmp_path / "done.jsonl"

        def broken() -> Iterator[Document]:
            yield from [*documents("a"), Document("x", "t", {"y": float("inf")}), *documents("b")]
            raise OSError("disk")

        with pytest.raises(OSError, match="disk"):
            store.upsert(broken(), checkpoint=path, on_bad_document="skip")
        report = store.upsert(documents("axb"), checkpoint=path)
        assert (report.stored, report.skipped, report.failed) == (1, 2, ())
