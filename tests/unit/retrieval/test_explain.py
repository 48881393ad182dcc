"""Explanations add up to what the engine answers, whatever the engine computes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from splade_sdk import (
    DBSF,
    RRF,
    Bm25Encoder,
    CollectionSettings,
    Document,
    Hit,
    HybridVector,
    Retriever,
    SparseVector,
    Weighted,
)
from splade_sdk.errors import DocumentNotFoundError, EngineClosedError, InvalidInputError
from splade_sdk.retrieval.search.fusion import Fusion
from splade_sdk.types import Explanation, Place, TermActivation
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import HybridEncoder, LetterEncoder, WordEncoder

DIMENSIONS = 400


class NamedWords(WordEncoder):
    """WordEncoder that can tell where terms come from."""

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        vector = self._encode(text)
        return [
            TermActivation(index, f"t{index}", weight, True, (Place(0, 1, 0, 1),))
            for index, weight in vector.to_dict().items()
        ]


def random_vectors(count: int, terms: int, seed: int) -> list[SparseVector]:
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        indices = np.sort(draw.choice(DIMENSIONS, size=terms, replace=False))
        values = draw.gamma(2.0, 0.6, size=terms).astype(np.float32)
        made.append(SparseVector(indices, values, DIMENSIONS))
    return made


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "embedded":
        pytest.importorskip("qdrant_edge")
        yield ":memory:"
        return
    server = FakeServer()
    yield server.url
    server.close()


def hits_of(retriever: Retriever, queries: Sequence[Any], wanted: int) -> list[Hit]:
    found = [hit for hits in retriever.search_batch(queries, limit=20) for hit in hits]
    assert len(found) >= wanted
    return found[:wanted]


def test_sums_are_the_engines_scores_for_a_thousand_pairs(place: str) -> None:
    encoder = WordEncoder(dimensions=DIMENSIONS)
    with Retriever(place, encoder=encoder) as retriever:
        vectors = random_vectors(200, terms=60, seed=0)
        retriever.upsert(
            Document(f"d{at}", f"text {at}", vector=vector) for at, vector in enumerate(vectors)
        )
        for hit in hits_of(retriever, random_vectors(50, terms=15, seed=1), 1000):
            explained = hit.explain()
            assert explained.total == pytest.approx(hit.score, rel=1e-4)
            for term in explained.terms:
                product = term.query_weight * term.document_weight
                assert term.contribution == pytest.approx(product)
                assert term.idf == 1.0


# Local mode behind the fake server searches both legs again for each hit.
def test_shares_are_the_fused_scores_for_a_thousand_hybrid_pairs(place: str) -> None:
    pairs = 1000 if place == ":memory:" else 200
    encoder = WordEncoder(dimensions=DIMENSIONS)
    dense = LetterEncoder()
    draw = np.random.default_rng(3)
    letters = ["".join(draw.choice(list("aeio"), size=9)) for _ in range(260)]
    rows = dense.encode(letters)
    fusions = [RRF(), RRF(k=2, dense_weight=3.0), DBSF(), Weighted(alpha=0.3)]
    explained = 0
    with Retriever(place, encoder=encoder, dense_encoder=dense) as retriever:
        retriever.upsert(
            Document(f"d{at}", f"text {at}", vector=vector, dense=row)
            for at, (vector, row) in enumerate(
                zip(random_vectors(200, terms=60, seed=4), rows, strict=False)
            )
        )
        asked = random_vectors(60, terms=15, seed=5)
        queries = [HybridVector(*both) for both in zip(asked, rows[200:], strict=True)]
        for fusion in fusions:
            found = retriever.search_batch(queries, limit=20, fusion=fusion, prefetch_limit=40)
            for hit in [hit for hits in found for hit in hits][: pairs // len(fusions)]:
                told = hit.explain()
                assert sum(told.shares.values()) == pytest.approx(hit.score, rel=1e-4)
                if "sparse" in hit.legs:
                    assert told.total == pytest.approx(hit.legs["sparse"].score, rel=1e-4)
                explained += 1
    assert explained == pairs


# The engine multiplies by an inverse document frequency that only it knows.
# Local mode behind the fake server takes 30 ms to answer for one hit.
def test_with_bm25_sums_are_the_engines_scores_too(place: str) -> None:
    pairs = 1000 if place == ":memory:" else 100
    draw = np.random.default_rng(2)
    words = [f"w{at}" for at in range(120)]
    common = 1 / np.arange(1, len(words) + 1)
    common /= common.sum()

    def text(length: int) -> str:
        return " ".join(draw.choice(words, size=length, p=common))

    with Retriever(place, encoder=Bm25Encoder()) as retriever:
        retriever.upsert(Document(f"d{at}", text(30)) for at in range(150))
        for hit in hits_of(retriever, [text(5) for _ in range(60)], pairs):
            explained = hit.explain()
            assert explained.total == pytest.approx(hit.score, rel=1e-4)
            for term in explained.terms:
                product = term.query_weight * term.idf * term.document_weight
                assert term.contribution == pytest.approx(product)
                assert explained.text[term.places[0].start : term.places[0].end] == term.term


def test_the_idf_is_that_of_the_collection() -> None:
    with Retriever(":memory:", encoder=Bm25Encoder()) as retriever:
        retriever.upsert(Document(str(at), text) for at, text in enumerate(["heart", "heart", "x"]))
        (term,) = retriever.explain("heart", "0").terms
    # n = 3 documents with any term, df = 2.
    assert term.idf == pytest.approx(np.log((3 - 2 + 0.5) / (2 + 0.5) + 1), rel=1e-5)


@pytest.mark.parametrize("datatype", ["float16", "uint8"])
def test_with_fewer_bits_contributions_are_what_the_engine_has_left(datatype: str) -> None:
    pytest.importorskip("qdrant_edge")
    settings = CollectionSettings(datatype=datatype)  # type: ignore[arg-type]
    encoder = WordEncoder(dimensions=DIMENSIONS)
    with Retriever(":memory:", encoder=encoder, settings=settings) as retriever:
        vectors = random_vectors(50, terms=60, seed=0)
        retriever.upsert(Document(f"d{at}", "", vector=v) for at, v in enumerate(vectors))
        for hit in hits_of(retriever, random_vectors(10, terms=15, seed=1), 100):
            explained = hit.explain()
            assert explained.total == pytest.approx(hit.score, rel=1e-4)
            assert not any("changed" in note for note in explained.notes)


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=NamedWords()) as made:
        made.upsert(
            [
                Document("heart", "heart attack attack symptoms"),
                Document("chess", "attack on the king"),
            ]
        )
        yield made


def given(explained: Explanation) -> list[float]:
    return [term.contribution for term in explained.terms]


def test_terms_come_with_their_parts(retriever: Retriever) -> None:
    explained = retriever.search("heart attack")[0].explain()
    # attack: 1 * 2, heart: 1 * 1.
    assert given(explained) == [2.0, 1.0]
    assert (explained.score, explained.total) == (3.0, 3.0)
    assert (explained.query, explained.document_id) == ("heart attack", "heart")
    assert explained.text == "heart attack attack symptoms"
    assert all(term.in_query and term.in_document for term in explained.terms)
    assert explained.legs["sparse"].rank == 1
    assert (explained.missing, explained.notes) == ((), ())


def test_terms_that_the_document_lacks_are_told(retriever: Retriever) -> None:
    explained = retriever.explain("heart attack tomato", "chess")
    assert given(explained) == [1.0]
    assert sorted(weight for _, weight in explained.missing) == [1.0, 1.0]


def test_a_document_that_was_not_found_can_be_explained_too(retriever: Retriever) -> None:
    explained = retriever.explain("tomato", "chess")
    assert (explained.score, explained.terms) == (0.0, ())
    assert len(explained.missing) == 1


def test_a_vector_can_be_the_query(retriever: Retriever) -> None:
    vector = WordEncoder().encode_query("attack")
    assert isinstance(vector, SparseVector)
    explained = retriever.search(vector)[0].explain()
    assert explained.query is None
    assert given(explained) == [2.0]
    assert explained.terms[0].in_query is None


@pytest.mark.parametrize("options", [{"with_payload": False}, {"with_vectors": True}])
def test_what_the_hit_lacks_is_fetched(retriever: Retriever, options: dict[str, Any]) -> None:
    (hit,) = retriever.search("heart", **options)
    assert hit.explain() == retriever.explain("heart", hit)
    assert hit.explain().text == "heart attack attack symptoms"


def test_a_document_that_changed_since_is_said_so(retriever: Retriever) -> None:
    hit = retriever.search("attack")[0]
    retriever.upsert([Document("heart", "attack")])
    explained = hit.explain()
    assert (explained.score, explained.total) == (2.0, 1.0)
    assert "has changed since the search: its terms now add up to 1.0000" in explained.notes[0]


def test_a_document_that_is_gone_is_an_error(retriever: Retriever) -> None:
    hit = retriever.search("attack")[0]
    retriever.delete("heart")
    with pytest.raises(DocumentNotFoundError, match="no document 'heart'"):
        hit.explain()
    with pytest.raises(LookupError, match="no document 'nobody'"):
        retriever.explain("attack", "nobody")


def test_a_vector_that_was_not_made_from_the_text_has_no_places(retriever: Retriever) -> None:
    vector = WordEncoder().encode_document("heart heart")
    assert isinstance(vector, SparseVector)
    retriever.upsert([Document("made", "tomato", vector=vector)])
    explained = retriever.explain("heart", "made")
    assert given(explained) == [2.0]
    assert explained.terms[0].places == ()
    assert explained.terms[0].in_document is None
    assert "not what this encoder makes of the stored text" in explained.notes[0]


def test_a_pruned_vector_is_still_known_by_its_text() -> None:
    with Retriever(":memory:", encoder=NamedWords()) as retriever:
        whole = WordEncoder().encode_document("heart heart attack")
        assert isinstance(whole, SparseVector)
        retriever.upsert([Document("d", "heart heart attack", vector=whole.prune(1))])
        explained = retriever.explain("heart attack", "d")
    assert (len(explained.terms), explained.notes) == (1, ())
    assert explained.terms[0].places


def test_an_encoder_that_knows_no_places_is_enough() -> None:
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        retriever.upsert([Document("d", "heart attack")])
        explained = retriever.search("heart")[0].explain()
    assert given(explained) == [1.0]
    assert explained.terms[0].term.startswith("term")
    assert explained.terms[0].in_document is None
    assert explained.notes == ("WordEncoder cannot tell where terms come from.",)


class TestHits:
    def test_they_stay_plain_values(self, retriever: Retriever) -> None:
        hit = retriever.search("heart")[0]
        by_hand = Hit(hit.id, hit.score, hit.text, hit.metadata, hit.vector, hit.legs)
        assert hit == by_hand
        assert repr(hit) == repr(by_hand)
        assert asdict(hit) == asdict(by_hand)

    @pytest.mark.parametrize(
        "copied",
        [lambda hit: pickle.loads(pickle.dumps(hit)), copy, deepcopy, replace],
        ids=["pickle", "copy", "deepcopy", "replace"],
    )
    def test_copies_are_equal_and_say_that_they_do_not_know_their_search(
        self, retriever: Retriever, copied: Callable[[Hit], Hit]
    ) -> None:
        hit = retriever.search("heart")[0]
        other = copied(hit)
        assert other == hit
        with pytest.raises(InvalidInputError, match=r"use retriever\.explain\(query, hit\)"):
            other.explain()
        assert retriever.explain("heart", other) == hit.explain()

    def test_one_of_a_closed_retriever_says_so(self) -> None:
        with Retriever(":memory:", encoder=WordEncoder()) as retriever:
            retriever.upsert([Document("d", "heart")])
            hit = retriever.search("heart")[0]
        with pytest.raises(EngineClosedError, match="retriever was closed"):
            hit.explain()


class TestHybrid:
    """heart and attack score by words, the letters a, e, i and o by cosine."""

    @pytest.fixture
    def hybrid(self) -> Iterator[Retriever]:
        pytest.importorskip("qdrant_edge")
        with Retriever(":memory:", encoder=HybridEncoder()) as made:
            made.upsert(
                [
                    Document("heart", "heart attack attack"),
                    Document("chess", "attack on the king", {"kind": "game"}),
                    Document("dense", "aeae"),
                    Document("io", "io"),
                ]
            )
            yield made

    @pytest.mark.parametrize(
        "fusion",
        [RRF(), RRF(k=2, sparse_weight=3.0), DBSF(), Weighted(alpha=0.3), Weighted(alpha=1.0)],
    )
    def test_the_shares_of_the_legs_add_up_to_the_fused_score(
        self, hybrid: Retriever, fusion: Fusion
    ) -> None:
        hits = hybrid.search("heart attack", fusion=fusion, limit=3)
        for hit in hits:
            explained = hit.explain()
            assert explained.legs == hit.legs
            assert explained.shares.keys() == hit.legs.keys()
            assert sum(explained.shares.values()) == pytest.approx(hit.score)
            if "sparse" in hit.legs:
                assert explained.total == pytest.approx(hit.legs["sparse"].score)
            assert explained.notes == ("HybridEncoder cannot tell where terms come from.",)

    def test_with_rrf_a_share_is_the_formula(self, hybrid: Retriever) -> None:
        explained = hybrid.search("heart attack")[0].explain()
        ranks = {leg: its.rank for leg, its in explained.legs.items()}
        assert explained.shares == {leg: 1 / (60 + rank) for leg, rank in ranks.items()}

    def test_a_document_that_only_the_dense_leg_finds(self, hybrid: Retriever) -> None:
        explained = hybrid.explain("heart", "dense")
        assert explained.legs.keys() == explained.shares.keys() == {"dense"}
        assert explained.terms == ()
        assert explained.score == explained.shares["dense"]

    def test_one_that_no_leg_reaches(self, hybrid: Retriever) -> None:
        explained = hybrid.explain("heart attack", "io", prefetch_limit=1)
        assert (explained.score, explained.legs) == (0.0, {})
        assert explained.notes[0] == "No leg finds the document among its first 1 hits."

    def test_a_collection_that_changed_since_is_said_so(self, hybrid: Retriever) -> None:
        hit = hybrid.search("heart attack")[0]
        hybrid.upsert([Document("better", "heart attack heart attack")])
        explained = hit.explain()
        assert explained.shares == {}
        assert "has changed since: the same search now finds the document" in explained.notes[0]
        assert explained.score == hit.score

    def test_a_dense_search_has_no_terms(self, hybrid: Retriever) -> None:
        explained = hybrid.search("heart", mode="dense")[0].explain()
        assert (explained.terms, explained.shares) == ((), {})
        assert explained.notes == ("A dense score cannot be taken apart into terms.",)
        assert hybrid.explain("heart", "heart", mode="dense").score == pytest.approx(
            next(h.score for h in hybrid.search("heart", mode="dense") if h.id == "heart")
        )

    def test_hits_of_groups_and_of_examples_explain_themselves(self, hybrid: Retriever) -> None:
        (group,) = hybrid.search_groups("attack", group_by="kind")
        explained = group.hits[0].explain()
        assert explained.query == "attack"
        assert sum(explained.shares.values()) == pytest.approx(group.hits[0].score)
        for mode in ("sparse", "hybrid"):
            hit = hybrid.recommend("heart", mode=mode)[0]  # type: ignore[arg-type]
            explained = hit.explain()
            assert (explained.query, explained.score) == (None, hit.score)
            assert explained.total == pytest.approx(hit.legs["sparse"].score)


def test_batches_know_each_their_own_query(retriever: Retriever) -> None:
    found = retriever.search_batch(["heart", "king"])
    assert [hits[0].explain().query for hits in found] == ["heart", "king"]
