"""The retriever over a collection in memory, with an encoder whose scores can be added up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident
from time import sleep
from typing import Any

import pytest

from splade_sdk.errors import (
    CollectionNotFoundError,
    ConfigError,
    EngineClosedError,
    InvalidFilterError,
    InvalidInputError,
    InvalidTypeError,
    InvalidVectorError,
)
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.retrieval import connection
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, Leg, SparseVector
from tests.unit.fakes import WordEncoder

DOCUMENTS = [
    Document("heart", "heart attack attack symptoms", {"year": 2024, "tags": ["health"]}),
    Document("panic", "panic attack", {"year": 2020, "tags": ["health", "mind"]}),
    Document("chess", "attack on the king side in chess", {"year": 2020, "tags": ["game"]}),
    Document("blank", "", {"year": 1999}),
]


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=WordEncoder()) as made:
        made.upsert(DOCUMENTS)
        yield made


def empty() -> Retriever:
    return Retriever(":memory:", encoder=WordEncoder())


class TestConstruction:
    def test_it_does_no_work(self, tmp_path: Path) -> None:
        Retriever("http://127.0.0.1:1", collection="x")
        Retriever(path=tmp_path / "index")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("places", [{}, {"url": "http://localhost", "path": "x"}])
    def test_it_needs_one_place(self, places: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match="give exactly one"):
            Retriever(**places)

    def test_repr_hides_the_key(self) -> None:
        shown = repr(Retriever("http://localhost:6333", collection="docs", api_key="secret"))
        assert shown == "Retriever('http://localhost:6333', collection='docs')"
        shown = repr(Retriever("https://me:secret@example.org", collection="docs"))
        assert shown == "Retriever('https://example.org', collection='docs')"

    def test_threads_open_one_collection_between_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[int] = []

        def slowly(*args: Any, **kwargs: Any) -> Collection:
            opened.append(get_ident())
            sleep(0.05)
            return open_collection(*args, **kwargs)

        monkeypatch.setattr(connection, "open_collection", slowly)
        with (
            Retriever(path=tmp_path / "index", encoder=WordEncoder()) as retriever,
            ThreadPoolExecutor(4) as pool,
        ):
            reports = pool.map(lambda document: retriever.upsert([document]), DOCUMENTS)
            assert sum(report.stored for report in reports) == 4
            assert retriever.count() == 4
        assert len(opened) == 1


class TestSearch:
    def test_scores_are_inner_products_and_hits_carry_their_leg(self, retriever: Retriever) -> None:
        hits = retriever.search("heart attack")
        # heart: 1*1 + 1*2 = 3; panic and chess: 1*1 = 1.
        assert (hits[0].id, hits[0].score) == ("heart", 3.0)
        assert {(hit.id, hit.score) for hit in hits[1:]} == {("panic", 1.0), ("chess", 1.0)}
        assert hits[0].text == DOCUMENTS[0].text
        assert hits[0].metadata == DOCUMENTS[0].metadata
        assert [hit.legs for hit in hits] == [
            {"sparse": Leg(rank=rank, score=hit.score)} for rank, hit in enumerate(hits, start=1)
        ]

    def test_equal_scores_keep_one_order(self, retriever: Retriever) -> None:
        first = [hit.id for hit in retriever.search("attack")]
        assert all([hit.id for hit in retriever.search("attack")] == first for _ in range(5))

    def test_limit_and_offset_cut_the_same_ranking(self, retriever: Retriever) -> None:
        whole = retriever.search("attack")
        assert [hit.id for hit in retriever.search("attack", limit=2)] == [h.id for h in whole[:2]]
        page = retriever.search("attack", limit=1, offset=1)
        assert [hit.id for hit in page] == [whole[1].id]
        assert page[0].legs["sparse"].rank == 2

    def test_threshold_is_inclusive(self, retriever: Retriever) -> None:
        assert len(retriever.search("heart attack", score_threshold=1.0)) == 3
        assert len(retriever.search("heart attack", score_threshold=1.5)) == 1

    @pytest.mark.parametrize("query", ["", "   ", "unknownword"])
    def test_a_query_that_shares_no_term_finds_nothing(
        self, retriever: Retriever, query: str
    ) -> None:
        assert retriever.search(query) == []

    def test_filters_narrow(self, retriever: Retriever) -> None:
        found = retriever.search("attack", filter={"year": 2020})
        assert {hit.id for hit in found} == {"panic", "chess"}

    def test_a_qdrant_filter_passes(self, retriever: Retriever) -> None:
        from qdrant_client import models

        condition = models.FieldCondition(key="metadata.year", match=models.MatchValue(value=2024))
        found = retriever.search("attack", filter=models.Filter(must=[condition]))
        assert [hit.id for hit in found] == ["heart"]

    @pytest.mark.parametrize("wrong", ["year", ["year"], 3])
    def test_a_filter_of_the_wrong_shape_is_refused(
        self, retriever: Retriever, wrong: object
    ) -> None:
        with pytest.raises(InvalidFilterError, match="filter"):
            retriever.search("attack", filter=wrong)  # type: ignore[arg-type]

    def test_a_vector_is_a_query(self, retriever: Retriever) -> None:
        vector = WordEncoder().encode("heart")
        assert isinstance(vector, SparseVector)
        assert [hit.id for hit in retriever.search(vector)] == ["heart"]

    def test_a_vector_of_another_space_is_refused(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidVectorError, match="10"):
            retriever.search(SparseVector.from_dict({1: 1.0}, 10))

    def test_payload_and_vectors_come_as_asked(self, retriever: Retriever) -> None:
        (bare,) = retriever.search("heart", with_payload=False)
        assert (bare.id, bare.text, bare.metadata, bare.vector) == ("heart", "", {}, None)
        (full,) = retriever.search("heart", with_vectors=True)
        assert full.vector == WordEncoder().encode(DOCUMENTS[0].text)

    @pytest.mark.parametrize("limit", [0, -1])
    def test_limit_is_at_least_one(self, retriever: Retriever, limit: int) -> None:
        with pytest.raises(InvalidInputError, match=f"limit is {limit}: expected 1 or more"):
            retriever.search("heart", limit=limit)

    @pytest.mark.parametrize("query", [None, b"heart", [["heart"]], 3])
    def test_a_query_is_a_text_or_a_vector(self, retriever: Retriever, query: object) -> None:
        with pytest.raises(InvalidTypeError, match="expected a string"):
            retriever.search(query)  # type: ignore[arg-type]


class TestSearchBatch:
    def test_answers_come_in_order_with_one_encoding(self, retriever: Retriever) -> None:
        encoder = retriever.encoder
        assert isinstance(encoder, WordEncoder)
        vector = encoder.encode("chess")
        encoder.calls.clear()
        answers = retriever.search_batch(["heart", vector, "", "panic"], limit=1)
        assert [[hit.id for hit in hits] for hits in answers] == [
            ["heart"],
            ["chess"],
            [],
            ["panic"],
        ]
        assert encoder.calls == [["heart", "", "panic"]]

    def test_no_queries_give_no_answers(self, retriever: Retriever) -> None:
        assert retriever.search_batch([]) == []

    def test_each_answer_is_what_search_gives(self, retriever: Retriever) -> None:
        queries = ["attack", "chess king"]
        assert retriever.search_batch(queries) == [retriever.search(query) for query in queries]


class TestUpsert:
    def test_a_generator_is_taken(self) -> None:
        with empty() as retriever:
            report = retriever.upsert((d for d in DOCUMENTS), batch_size=2)
            assert (report.stored, report.empty, report.failed) == (4, 1, ())
            assert retriever.count() == 4

    def test_the_last_of_equal_ids_wins(self) -> None:
        versions = [Document("a", f"version{n}") for n in range(5)]
        for batch_size in (1, 2, 10):  # across batches and within one
            with empty() as retriever:
                retriever.upsert(versions, batch_size=batch_size)
                assert retriever.count() == 1
                assert [hit.id for hit in retriever.search("version4")] == ["a"]
                assert retriever.search("version3") == []

    def test_again_changes_nothing(self, retriever: Retriever) -> None:
        before = retriever.search("attack")
        retriever.upsert(DOCUMENTS)
        assert (retriever.count(), retriever.search("attack")) == (4, before)

    def test_nothing_at_all_still_creates_the_collection(self) -> None:
        with empty() as retriever:
            assert retriever.upsert([]).stored == 0
            assert retriever.search("heart") == []

    def test_a_dict_is_refused_and_what_is_before_it_is_stored(self) -> None:
        with empty() as retriever:
            mixed = [*DOCUMENTS[:3], {"id": "d", "text": "x"}]
            with pytest.raises(InvalidTypeError, match=r"documents\[3\] is dict"):
                retriever.upsert(mixed, batch_size=2)  # type: ignore[list-item]
            assert retriever.count() == 3

    def test_the_bar_goes_to_stderr_and_only_where_wanted(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with empty() as retriever:
            retriever.upsert(DOCUMENTS)
            retriever.upsert(DOCUMENTS, show_progress_bar=False)
            assert capsys.readouterr() == ("", "")
            retriever.upsert(DOCUMENTS, show_progress_bar=True)
            out, err = capsys.readouterr()
            assert out == ""
            assert "4/4" in err


class TestReading:
    def test_get_one(self, retriever: Retriever) -> None:
        assert retriever.get("heart") == DOCUMENTS[0]
        assert retriever.get("gone") is None

    def test_get_several_in_the_order_asked_for(self, retriever: Retriever) -> None:
        found = retriever.get(["chess", "gone", "heart"])
        assert found == [DOCUMENTS[2], DOCUMENTS[0]]

    def test_get_with_vectors(self, retriever: Retriever) -> None:
        document = retriever.get("heart", with_vectors=True)
        assert document is not None
        assert document.vector == WordEncoder().encode(DOCUMENTS[0].text)

    def test_documents_pages_through_all(self, retriever: Retriever) -> None:
        found = list(retriever.documents(batch_size=2))
        assert sorted(d.id for d in found) == ["blank", "chess", "heart", "panic"]
        assert [d.id for d in retriever.documents(filter={"year": 1999})] == ["blank"]

    def test_count(self, retriever: Retriever) -> None:
        assert retriever.count() == 4
        assert retriever.count({"year": 2020}) == 2


class TestDelete:
    def test_by_id(self, retriever: Retriever) -> None:
        retriever.delete("heart")
        assert retriever.search("heart") == []
        retriever.delete(["panic", "never there"])
        assert retriever.count() == 2

    def test_by_filter(self, retriever: Retriever) -> None:
        retriever.delete(filter={"year": 2020})
        assert sorted(d.id for d in retriever.documents()) == ["blank", "heart"]

    def test_no_ids_delete_nothing(self, retriever: Retriever) -> None:
        retriever.delete([])
        assert retriever.count() == 4

    def test_it_takes_ids_or_a_filter(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidInputError, match="give exactly one"):
            retriever.delete()
        with pytest.raises(InvalidInputError, match="give exactly one"):
            retriever.delete("heart", filter={"year": 2024})

    def test_an_empty_filter_does_not_delete_everything(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidFilterError):
            retriever.delete(filter={})
        assert retriever.count() == 4


class TestMissingAndClosed:
    @pytest.mark.parametrize(
        "use",
        [
            lambda r: r.search("heart"),
            lambda r: r.search_batch([]),
            lambda r: r.count(),
            lambda r: r.get("heart"),
            lambda r: r.documents(),
            lambda r: r.delete("heart"),
            lambda r: r.optimize(),
        ],
    )
    def test_a_missing_collection_says_what_to_do(self, use: Any) -> None:
        with empty() as retriever, pytest.raises(CollectionNotFoundError, match="upsert"):
            use(retriever)

    def test_it_cannot_be_used_after_close(self, retriever: Retriever) -> None:
        retriever.optimize()
        retriever.close()
        retriever.close()
        for use in (lambda: retriever.search("heart"), lambda: retriever.upsert([])):
            with pytest.raises(EngineClosedError, match="closed: make a new Retriever"):
                use()
