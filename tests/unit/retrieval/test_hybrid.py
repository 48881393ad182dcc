"""A retriever with two vectors in each document: their sources, and how they are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_sdk import DBSF, RRF, Document, HybridVector, Retriever, SparseVector, Weighted
from splade_sdk.errors import (
    CollectionMismatchError,
    ConfigError,
    InvalidInputError,
    InvalidTypeError,
    InvalidVectorError,
)
from splade_sdk.types import HybridBatch, Leg, SparseBatch
from tests.unit.fakes import DIMENSIONS, HybridEncoder, LetterEncoder, WordEncoder, letters

pytest.importorskip("qdrant_edge")

DOCUMENTS = [
    Document("both", "aa fish", {"year": 2020}),
    Document("sparse", "fish tank", {"year": 2021}),
    Document("dense", "aa bug", {"year": 2022}),
    Document("none", "io", {"year": 2023}),
    Document("blank", " ", {"year": 2024}),
]


def one_pass(**options: Any) -> Retriever:
    return Retriever(":memory:", encoder=HybridEncoder(), **options)


def two_models(**options: Any) -> Retriever:
    return Retriever(":memory:", encoder=WordEncoder(), dense_encoder=LetterEncoder(), **options)


@pytest.fixture(params=[one_pass, two_models])
def retriever(request: pytest.FixtureRequest) -> Iterator[Retriever]:
    make: Callable[[], Retriever] = request.param
    with make() as made:
        made.upsert(DOCUMENTS)
        yield made


def ids(hits: Any) -> list[str]:
    return [hit.id for hit in hits]


class TestSearching:
    def test_hybrid_is_the_default_where_both_vectors_are_there(self, retriever: Retriever) -> None:
        # Letters a, e, i, o: of "a fish" (1, 0, 1, 0), of "fish tank" the same, of "aa fish"
        # (2, 0, 1, 0), of "aa bug" (2, 0, 0, 0), of "io" (0, 0, 1, 1).
        hits = retriever.search("a fish")
        assert hits == retriever.search("a fish", mode="hybrid")
        assert retriever.modes == ("sparse", "dense", "hybrid")
        assert ids(hits) == ["both", "sparse", "dense", "none"]
        assert hits[0].legs == {
            "sparse": Leg(1, 1.0),
            "dense": Leg(2, pytest.approx(3 / np.sqrt(2 * 5), abs=1e-6)),
        }
        assert hits[0].score == hits[1].score == 1 / 61 + 1 / 62
        assert hits[3].legs.keys() == {"dense"}

    def test_each_mode_alone(self, retriever: Retriever) -> None:
        sparse, dense = (retriever.search("a fish", mode=m) for m in ("sparse", "dense"))  # type: ignore[arg-type]
        assert [(hit.id, hit.score) for hit in sparse] == [("both", 1.0), ("sparse", 1.0)]
        assert [hit.legs for hit in sparse] == [
            {"sparse": Leg(1, 1.0)},
            {"sparse": Leg(2, 1.0)},
        ]
        assert ids(dense) == ["sparse", "both", "dense", "none"]
        assert dense[1].score == pytest.approx(3 / np.sqrt(10))

    def test_a_blank_text_is_stored_and_never_matches(self, retriever: Retriever) -> None:
        for mode in ("sparse", "dense", "hybrid"):
            assert "blank" not in ids(retriever.search("a fish", mode=mode, limit=50))  # type: ignore[arg-type]
            assert retriever.search(" ", mode=mode) == []  # type: ignore[arg-type]
        assert retriever.count({"year": 2024}) == 1
        [vectors] = retriever.get(["blank"], with_vectors=True)
        assert (len(vectors.vector or ()), vectors.dense) == (0, None)

    def test_vectors_come_back(self, retriever: Retriever) -> None:
        [hit] = retriever.search("tank", mode="sparse", with_vectors=True)
        expected = np.array(letters("fish tank"))
        assert hit.dense is not None
        assert hit.dense.tolist() == pytest.approx((expected / np.linalg.norm(expected)).tolist())
        document = retriever.get("sparse", with_vectors=True)
        assert document is not None
        assert (document.vector, document.dense) == (hit.vector, pytest.approx(hit.dense))

    def test_filters_hold_in_both_legs(self, retriever: Retriever) -> None:
        hits = retriever.search("a fish", filter={"year": {"gte": 2021, "lt": 2023}})
        assert ids(hits) == ["sparse", "dense"]
        assert hits[0].legs["dense"].rank == 1

    def test_parts_of_the_payload(self, retriever: Retriever) -> None:
        [hit] = retriever.search("a fish", limit=1, with_payload=["year"])
        assert (hit.id, hit.text, hit.metadata) == ("both", "", {"year": 2020})
        [hit] = retriever.search("a fish", limit=1, with_payload=["text"], mode="sparse")
        assert (hit.id, hit.text, hit.metadata) == ("both", "aa fish", {})
        [hit] = retriever.search("a fish", limit=1, offset=1, with_payload=False)
        assert (hit.id, hit.text, hit.metadata) == ("sparse", "", {})

    def test_thresholds_of_legs_and_of_the_whole(self, retriever: Retriever) -> None:
        assert ids(retriever.search("a fish", leg_thresholds={"dense": 0.9})) == ["both", "sparse"]
        assert ids(retriever.search("a fish", mode="dense", leg_thresholds={"dense": 0.96})) == [
            "sparse"
        ]
        assert ids(retriever.search("a fish", mode="dense", score_threshold=0.96)) == ["sparse"]
        assert len(retriever.search("a fish", score_threshold=1 / 61 + 1 / 62)) == 2

    def test_fusions(self, retriever: Retriever) -> None:
        assert ids(retriever.search("a fish", fusion=Weighted(alpha=0))) == ["both", "sparse"]
        assert ids(retriever.search("a fish", fusion=RRF(sparse_weight=0))) == ids(
            retriever.search("a fish", mode="dense")
        )
        assert ids(retriever.search("a fish", fusion=DBSF()))[0] == "sparse"

    def test_a_batch_is_its_searches(self, retriever: Retriever) -> None:
        queries = ["a fish", "", "io", "tank"]
        batch = retriever.search_batch(queries, limit=3)
        assert batch == [retriever.search(query, limit=3) for query in queries]
        assert retriever.search_batch([]) == []

    def test_a_long_batch_is_cut_into_calls(
        self, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queries = ["a fish", "", "io", "tank", "aa"]
        whole = retriever.search_batch(queries)
        monkeypatch.setattr("splade_sdk.retrieval.search.run._QUERIES_A_REQUEST", 2)
        assert retriever.search_batch(queries) == whole

    def test_adding_again_does_not_duplicate(self, retriever: Retriever) -> None:
        before = retriever.search("a fish")
        retriever.upsert(DOCUMENTS, skip_unchanged=False)
        assert retriever.count() == len(DOCUMENTS)
        assert retriever.search("a fish") == before

    def test_more_than_the_default_number_of_hits(self) -> None:
        with one_pass() as made:
            made.upsert(Document(f"d{n:03}", "fish a" + "i" * (n % 7)) for n in range(120))
            assert len(made.search("a fish", limit=50)) == 50
            assert len(made.search("a fish", limit=119)) == 119
            assert len(made.search("a fish", limit=10, offset=105)) == 10


class TestReadyMadeVectors:
    WORDS = WordEncoder()

    def test_they_are_searched_by_what_they_are(self, retriever: Retriever) -> None:
        sparse = self.WORDS._encode("fish")
        dense = np.array(letters("a fish"), dtype=np.float32)
        assert retriever.search(sparse) == retriever.search("a fish", mode="sparse")
        assert retriever.search(dense) == retriever.search("a fish", mode="dense")
        assert retriever.search(HybridVector(sparse, dense)) == retriever.search("a fish")
        assert retriever.search(HybridVector(sparse, dense), mode="dense") == retriever.search(
            dense
        )
        batch = HybridBatch(SparseBatch.from_vectors([sparse]), dense[np.newaxis])
        assert retriever.search_batch(batch) == [retriever.search("a fish")]
        assert retriever.search_batch(dense[np.newaxis]) == [retriever.search(dense)]  # type: ignore[arg-type]
        mixed = retriever.search_batch([sparse, "a fish", dense])
        assert [set(hits[0].legs) for hits in mixed] == [{"sparse"}, {"sparse", "dense"}, {"dense"}]

    def test_a_mode_they_do_not_have_is_refused(self, retriever: Retriever) -> None:
        with pytest.raises(
            InvalidInputError, match=r"'hybrid', but the query is a ready-made sparse"
        ):
            retriever.search(self.WORDS._encode("fish"), mode="hybrid")
        with pytest.raises(InvalidInputError, match=r"'sparse', but .* ready-made dense"):
            retriever.search(np.ones(4, dtype=np.float32), mode="sparse")

    def test_they_are_checked(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidVectorError, match=r"queries\[0\].*coordinate 1 is nan"):
            retriever.search(np.array([1.0, np.nan, 0, 0]))
        with pytest.raises(InvalidVectorError, match=r"5 dimensions, but .* has 4"):
            retriever.search(np.ones(5, dtype=np.float32))
        with pytest.raises(InvalidVectorError, match=r"shape is \(2, 4\)"):
            retriever.search(np.ones((2, 4)))

    def test_documents_bring_either_or_both(self, retriever: Retriever) -> None:
        sparse, dense = self.WORDS._encode("made"), np.array([0, 0, 0, 1.0])
        report = retriever.upsert(
            [
                Document("s", "aaa", vector=sparse),
                Document("d", "text of d", dense=dense),
                Document("sd", "", vector=sparse, dense=dense),
            ]
        )
        assert report.stored == 3
        assert ids(retriever.search("made", mode="sparse")) == ["s", "sd"]
        assert ids(retriever.search("o", mode="dense", score_threshold=0.999)) == ["d", "sd"]
        assert ids(retriever.search("aaa", mode="dense", score_threshold=0.999)) == ["dense", "s"]
        assert ids(retriever.search("text", mode="sparse")) == ["d"]

    def test_dense_vectors_of_documents_are_checked(self, retriever: Retriever) -> None:
        with pytest.raises(InvalidVectorError, match=r"document 'a': coordinate 0 is inf"):
            Document("a", "", dense=np.array([np.inf]))
        with pytest.raises(InvalidVectorError, match=r"'a' has 3 dimensions, but .*, have 4"):
            retriever.upsert([Document("a", "", dense=np.ones(3))])


class TestIngest:
    def test_one_pass_gives_both(self) -> None:
        encoder = HybridEncoder()
        with Retriever(":memory:", encoder=encoder) as made:
            made.upsert([Document("a", "aa"), Document("b", "bb")])
            assert [call for call in encoder.calls if len(call) == 2] == [["aa", "bb"]]

    def test_nothing_is_encoded_twice(self) -> None:
        dense = LetterEncoder()
        with Retriever(":memory:", encoder=WordEncoder(), dense_encoder=dense) as made:
            made.upsert(DOCUMENTS)
            dense.calls.clear()
            assert made.upsert(DOCUMENTS).skipped == len(DOCUMENTS)
            assert dense.calls == []
            changed = [Document(each.id, each.text, {"new": True}) for each in DOCUMENTS]
            assert made.upsert(changed).stored == len(DOCUMENTS)
            assert dense.calls == []
            assert ids(made.search("a fish", filter={"new": True}))[0] == "both"

    def test_a_changed_ready_made_vector_is_stored(self, retriever: Retriever) -> None:
        one, other = np.array([1.0, 0, 0, 0]), np.array([0, 1.0, 0, 0])
        assert retriever.upsert([Document("x", "t", dense=one)]).stored == 1
        assert retriever.upsert([Document("x", "t", dense=one)]).skipped == 1
        assert retriever.upsert([Document("x", "t", dense=other)]).stored == 1
        assert retriever.upsert([Document("x", "t")]).stored == 1

    def test_a_document_that_was_read_can_be_stored_again(self, retriever: Retriever) -> None:
        before = list(retriever.documents(with_vectors=True))
        assert retriever.upsert(before).stored == len(DOCUMENTS)
        assert list(retriever.documents(with_vectors=True)) == before

    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            (lambda n: np.ones((n + 1, 4)), r"shape is \(\d, 4\), expected \(\d, dimensions\)"),
            (lambda n: np.full((n, 4), np.nan), "coordinate 0 is nan"),
            (lambda n: np.ones((n, 4 + (n > 1))), "made a vector of 5 dimensions: expected 4"),
            (lambda n: [["x"] * 4] * n, "expected numbers"),
            (lambda n: np.ones(4), "shape is"),
            (lambda n: np.zeros((n, 4)), "makes a vector of zeros"),
        ],
    )
    def test_what_an_encoder_makes_is_checked(self, rows: Callable[[int], Any], told: str) -> None:
        class Broken:
            def encode(self, texts: list[str]) -> Any:
                return rows(len(texts))

        with (
            Retriever(":memory:", encoder=WordEncoder(), dense_encoder=Broken()) as made,
            pytest.raises(InvalidVectorError, match=told),
        ):
            made.upsert([Document("a", "a"), Document("b", "b")])


class Sided:
    """Has sides, as sentence-transformers 5 has."""

    def encode(self, texts: list[str]) -> Any:
        raise AssertionError("its sides are there")

    def encode_document(self, texts: list[str]) -> Any:
        return [[1.0, 0.0]] * len(texts)

    def encode_query(self, texts: list[str]) -> Any:
        return [[0.0, 1.0]] * len(texts)


class TestModels:
    def test_the_sides_of_a_model_are_used(self) -> None:
        with Retriever(":memory:", encoder=WordEncoder(), dense_encoder=Sided()) as made:
            made.upsert([Document("a", "text")])
            [hit] = made.search("text", mode="dense")
            assert hit.score == 0.0

    @pytest.mark.parametrize("given", ["BAAI/bge-small-en", 3, True, object()])
    def test_what_cannot_encode_is_refused_at_once(self, given: Any) -> None:
        with pytest.raises(InvalidTypeError, match=r"dense_encoder is .* expected an object"):
            Retriever(":memory:", dense_encoder=given)

    def test_dense_can_be_switched_off(self) -> None:
        with one_pass(dense_encoder=False) as made:
            made.upsert(DOCUMENTS)
            assert {leg for hit in made.search("a fish") for leg in hit.legs} == {"sparse"}
            with pytest.raises(CollectionMismatchError, match=r"'dense', but .* no dense vectors"):
                made.search("a fish", mode="dense")
            with pytest.raises(InvalidVectorError, match="'x' has a dense vector, but"):
                made.upsert([Document("x", "", dense=np.ones(4))])

    def test_a_collection_of_before_stays_sparse(self, tmp_path: Path) -> None:
        with Retriever(path=tmp_path, encoder=WordEncoder()) as made:
            made.upsert(DOCUMENTS)
        with Retriever(path=tmp_path, encoder=HybridEncoder()) as made:
            assert {leg for hit in made.search("a fish") for leg in hit.legs} == {"sparse"}
            assert made.upsert(DOCUMENTS).skipped == len(DOCUMENTS)
        with (
            Retriever(
                path=tmp_path,
                encoder=WordEncoder(),
                dense_encoder=LetterEncoder(),
            ) as made,
            pytest.raises(CollectionMismatchError, match=r"without dense vectors, .*'letters'"),
        ):
            made.search("a fish")

    def test_without_a_dense_encoder_a_collection_is_searched_sparse(self, tmp_path: Path) -> None:
        with Retriever(path=tmp_path, encoder=HybridEncoder()) as made:
            made.upsert(DOCUMENTS)
        with Retriever(path=tmp_path, encoder=WordEncoder()) as made:
            assert {leg for hit in made.search("a fish") for leg in hit.legs} == {"sparse"}
            assert ids(made.search(np.array([1.0, 0, 0, 0], dtype=np.float32)))[0] == "dense"
            assert made.modes == ("sparse",)
            with pytest.raises(ConfigError, match="there is no dense encoder: give"):
                made.search("a fish", mode="hybrid")
            with pytest.raises(ConfigError, match="no dense encoder for document 'new'"):
                made.upsert([Document("new", "text")])
            assert made.upsert([Document("new", "text", dense=np.ones(4))]).stored == 1

    def test_another_dense_model_is_refused(self, tmp_path: Path) -> None:
        with Retriever(
            path=tmp_path,
            encoder=WordEncoder(),
            dense_encoder=LetterEncoder(),
        ) as made:
            made.upsert(DOCUMENTS)
        with (
            Retriever(path=tmp_path, encoder=WordEncoder(), dense_encoder=Sided()) as made,
            pytest.raises(CollectionMismatchError, match=r"'letters'.*'Sided' \(dimensions 4 != 2"),
        ):
            made.search("a fish")


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"mode": "both"}, InvalidInputError, "mode is 'both': expected one of sparse, dense, hyb"),
        ({"fusion": "rrf"}, InvalidTypeError, r"fusion is 'rrf': expected RRF\(\), DBSF\(\)"),
        ({"prefetch_limit": 0}, InvalidInputError, "prefetch_limit is 0: expected 1"),
        ({"leg_thresholds": 0.5}, InvalidTypeError, "leg_thresholds is float: expected a mapping"),
        ({"leg_thresholds": {"bm25": 1}}, InvalidInputError, "has 'bm25': expected 'sparse'"),
        ({"leg_thresholds": {"dense": np.nan}}, InvalidInputError, r"\['dense'\] is nan"),
        ({"with_payload": "text"}, InvalidTypeError, "with_payload is 'text': expected True"),
        ({"with_payload": [1]}, InvalidTypeError, "with_payload has 1: expected names"),
        ({"two_step": True}, InvalidTypeError, r"two_step is True: expected TwoStep\(\)"),
    ],
)
def test_wrong_arguments_are_told(wrong: dict[str, Any], error: type, told: str) -> None:
    with one_pass() as made:
        made.upsert(DOCUMENTS)
        with pytest.raises(error, match=told):
            made.search("a fish", **wrong)


def test_a_vector_of_another_space_is_refused(retriever: Retriever) -> None:
    with pytest.raises(InvalidVectorError, match=rf"8 dimensions, but .* has {DIMENSIONS}"):
        retriever.search(SparseVector.from_dict({1: 1.0}, 8))
