import asyncio
import json
from pathlib import Path

import pytest

from splade_sdk.config import CollectionSettings
from splade_sdk.errors import (
    CollectionMismatchError,
    ConfigError,
    InvalidDataError,
    InvalidTypeError,
)
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import DBSF, RRF, Fusion, Weighted
from splade_sdk.retrieval.search.options import SearchSettings, read_search_settings
from splade_sdk.types import Document
from tests.unit.fakes import LetterEncoder, WordEncoder

DOCUMENTS = [
    Document("d1", "heart heart attack"),
    Document("d2", "oboe oboe oboe"),
    Document("d3", "attack attack on a heart"),
]


def retriever_with(settings: SearchSettings | str | Path | None, **more: object) -> Retriever:
    made = Retriever(
        ":memory:",
        encoder=WordEncoder(),
        dense_encoder=LetterEncoder(),
        search_settings=settings,
        **more,  # type: ignore[arg-type]
    )
    made.upsert(DOCUMENTS)
    return made


@pytest.mark.parametrize("fusion", [RRF(k=3, dense_weight=2.5), DBSF(), Weighted(alpha=0.1)])
def test_a_file_holds_them_all(fusion: Fusion, tmp_path: Path) -> None:
    settings = SearchSettings(
        mode="hybrid",
        fusion=fusion,
        prefetch_limit=7,
        query_max_active_dims=3,
        document_max_active_dims=9,
        datatype="uint8",
    )
    settings.save(tmp_path / "tuned.json")
    told = json.loads((tmp_path / "tuned.json").read_text())
    assert told["fusion"] == {"name": type(fusion).__name__, **fusion.model_dump()}
    assert read_search_settings(tmp_path / "tuned.json") == settings
    assert read_search_settings(str(tmp_path / "tuned.json")) == settings
    assert read_search_settings(settings) is settings
    assert read_search_settings(None) == SearchSettings()


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        ("", InvalidDataError, "not a JSON object"),
        ("[1]", InvalidDataError, "not a JSON object"),
        ('{"fusions": {}}', ConfigError, "did you mean 'fusion'"),
        ('{"fusion": {"name": "rrf"}}', ConfigError, "expected one of"),
        ('{"fusion": {"name": "RRF", "k": -1}}', ConfigError, "k is -1"),
        ('{"prefetch_limit": 0}', ConfigError, "prefetch_limit is 0"),
        ('{"mode": "bm25"}', ConfigError, "mode is 'bm25'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(
    content: str, error: type[Exception], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "tuned.json"
    path.write_text(content)
    with pytest.raises(error, match=told) as caught:
        Retriever(":memory:", encoder=WordEncoder(), search_settings=path)
    assert "tuned.json" in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="cannot be read"):
        Retriever(":memory:", search_settings=tmp_path / "none.json")
    with pytest.raises(InvalidTypeError, match="search_settings is dict"):
        Retriever(":memory:", search_settings={"mode": "sparse"})  # type: ignore[arg-type]
    with pytest.raises(InvalidDataError, match="cannot be written"):
        SearchSettings().save(tmp_path / "no" / "tuned.json")


def test_a_search_goes_by_them_unless_it_says_otherwise() -> None:
    with retriever_with(SearchSettings(mode="hybrid", fusion=RRF(k=0), prefetch_limit=1)) as tuned:
        # One hit of each leg: "attack" is heaviest in d3 (2), "oboe" has the most o's.
        hits = tuned.search("attack oboe", limit=1)
        assert {hit.id: hit.score for hit in tuned.search("attack", limit=1)}["d3"] >= 1.0
        assert set(hits[0].legs) <= {"sparse", "dense"}
        assert tuned.search("attack", mode="sparse")[0].score == 2.0
        weighted = tuned.search("attack", fusion=Weighted(alpha=0), limit=3)
        assert [hit.id for hit in weighted] == ["d3", "d1"]
    with retriever_with(SearchSettings(mode="sparse")) as sparse:
        assert sparse.search("attack")[0].score == 2.0
        with pytest.raises(InvalidTypeError, match="fusion"):
            sparse.search("attack", fusion="rrf")  # type: ignore[arg-type]


def test_a_leg_fetches_as_many_hits_as_are_asked_for() -> None:
    with retriever_with(SearchSettings(prefetch_limit=1, fusion=Weighted(alpha=1))) as tuned:
        assert len(tuned.search("attack on oboe", limit=3)) == 3
        assert len(tuned.search("attack on oboe", limit=3, prefetch_limit=1)) == 1
        # A vector is searched by what it is, whatever the settings say of texts.
        assert len(tuned.search(WordEncoder().encode_query("attack"))) == 2


def test_queries_keep_their_heaviest_terms() -> None:
    settings = SearchSettings(mode="sparse", query_max_active_dims=1)
    with retriever_with(settings) as tuned:
        # "oboe oboe heart": oboe weighs 2, heart 1; heart is dropped.
        hits = tuned.search("oboe oboe heart")
        assert [(hit.id, hit.score) for hit in hits] == [("d2", 2.0 * 3)]
        explained = hits[0].explain()
        assert sum(term.contribution for term in explained.terms) == pytest.approx(6.0)


def test_documents_keep_theirs_and_are_encoded_again_under_another_number() -> None:
    settings = SearchSettings(mode="sparse", document_max_active_dims=1)
    with retriever_with(settings) as tuned:
        # d1 keeps heart (2), d3 attack (2).
        assert [hit.id for hit in tuned.search("attack heart")] == ["d1", "d3"]
        assert tuned.upsert(DOCUMENTS).skipped == 3


def test_stored_documents_change_with_the_number(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_edge")

    def stored(settings: SearchSettings) -> int:
        with Retriever(path=tmp_path, encoder=WordEncoder(), search_settings=settings) as made:
            return made.upsert(DOCUMENTS).stored

    assert stored(SearchSettings()) == 3
    assert stored(SearchSettings(query_max_active_dims=1)) == 0
    assert stored(SearchSettings(document_max_active_dims=1)) == 3
    assert stored(SearchSettings(document_max_active_dims=1)) == 0


def test_the_type_of_weights_is_for_collections_that_are_created(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_edge")

    def opened(name: str, settings: CollectionSettings | None) -> None:
        with Retriever(
            path=tmp_path,
            collection=name,
            encoder=WordEncoder(),
            settings=settings,
            search_settings=SearchSettings(datatype="uint8"),
        ) as made:
            made.upsert(DOCUMENTS)

    opened("new", None)
    opened("new", CollectionSettings(datatype="uint8"))
    opened("fields", CollectionSettings(indexed_fields={"year": "integer"}))
    opened("fields", CollectionSettings(datatype="uint8"))
    opened("own", CollectionSettings(datatype="float16"))
    with pytest.raises(CollectionMismatchError, match="datatype"):
        opened("own", None)


def test_an_asynchronous_retriever_has_them_too() -> None:
    async def found() -> list[tuple[str, float]]:
        settings = SearchSettings(query_max_active_dims=1)
        async with AsyncRetriever(
            ":memory:", encoder=WordEncoder(), search_settings=settings
        ) as tuned:
            await tuned.upsert(DOCUMENTS)
            return [(hit.id, hit.score) for hit in await tuned.search("oboe oboe heart")]

    assert asyncio.run(found()) == [("d2", 6.0)]
