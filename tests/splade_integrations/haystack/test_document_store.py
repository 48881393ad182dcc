"""Our collection as a Haystack document store, beyond Haystack's standard tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack")
pytest.importorskip("haystack_integrations")

from haystack import Document
from haystack.core.errors import SerializationError
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils import Secret

from splade_integrations.haystack import SpladeDocumentStore
from splade_sdk.config import CollectionSettings
from splade_sdk.errors import ConfigError, InvalidDocumentError, InvalidVectorError
from tests.contracts.fake_server import FakeServer
from tests.splade_integrations.haystack.conftest import MakeStore
from tests.unit.fakes import DIMENSIONS, HybridEncoder, LetterEncoder, WordEncoder


class TestWriting:
    def test_an_empty_text_does_not_break_the_others(self, make_store: MakeStore) -> None:
        store = make_store()
        store.write_documents([Document(id="a", content="heart"), Document(id="b", content="")])
        assert store.count_documents() == 2
        assert [each.id for each in store.search("heart")] == ["a"]

    def test_metadata_comes_back(self, make_store: MakeStore) -> None:
        store = make_store()
        given = Document(content="heart", meta={"a": {"b": [1, 2.5, None]}, "tags": ["x", "y"]})
        store.write_documents([given])
        assert store.filter_documents() == [given]

    def test_writing_again_encodes_nothing(self, make_store: MakeStore) -> None:
        encoder = WordEncoder()
        store = make_store(model=encoder)
        given = [Document(id=str(n), content=f"heart {n}") for n in range(3)]
        assert [store.write_documents(given) for _ in range(2)] == [3, 3]
        assert sum(map(len, encoder.calls)) == 3

    def test_skip_leaves_what_is_there(self, make_store: MakeStore) -> None:
        store = make_store()
        store.write_documents([Document(id="a", content="old")])
        given = [Document(id="a", content="new"), Document(id="b", content="new")]
        assert store.write_documents(given, DuplicatePolicy.SKIP) == 1
        assert {each.id: each.content for each in store.filter_documents()} == {
            "a": "old",
            "b": "new",
        }

    def test_fail_writes_nothing(self, make_store: MakeStore) -> None:
        store = make_store()
        store.write_documents([Document(id="a", content="old")])
        given = [Document(id="a", content="new"), Document(id="b", content="new")]
        with pytest.raises(DuplicateDocumentError, match=r"1 of 2 documents .* 'a'"):
            store.write_documents(given, DuplicatePolicy.FAIL)
        assert [each.content for each in store.filter_documents()] == ["old"]

    def test_a_vector_that_is_there_is_kept(self, make_store: MakeStore) -> None:
        encoder = WordEncoder()
        store = make_store(model=encoder)
        vector = WordEncoder().encode_document("attack")
        embedding = SparseEmbedding(indices=vector.indices.tolist(), values=[7.0])
        store.write_documents([Document(id="a", content="heart", sparse_embedding=embedding)])
        assert encoder.calls == []
        assert [(each.id, each.score) for each in store.search("attack")] == [("a", 7.0)]

    def test_a_vector_of_another_space_is_refused(self, make_store: MakeStore) -> None:
        embedding = SparseEmbedding(indices=[DIMENSIONS], values=[1.0])
        with pytest.raises(InvalidVectorError, match=str(DIMENSIONS)):
            make_store().write_documents([Document(content="x", sparse_embedding=embedding)])

    def test_a_blob_is_refused(self, make_store: MakeStore) -> None:
        with pytest.raises(InvalidDocumentError, match="image/png"):
            make_store().write_documents([Document(blob=ByteStream(b"x", mime_type="image/png"))])


class TestSerialisation:
    def test_the_key_is_named_and_never_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_KEY", "the secret itself")
        store = SpladeDocumentStore(
            "http://localhost:6333",
            collection="docs",
            model="folder",
            encoder_options={"device": "cpu"},
            api_key=Secret.from_env_var("MY_KEY"),
            settings=CollectionSettings(indexed_fields={"year": "integer"}),
            timeout_s=5.0,
        )
        data = store.to_dict()
        assert "the secret itself" not in str(data)
        assert data["init_parameters"]["api_key"]["env_vars"] == ["MY_KEY"]
        again = SpladeDocumentStore.from_dict(data)
        assert again.to_dict() == data

    def test_a_key_in_the_clear_is_not_written_down(self) -> None:
        store = SpladeDocumentStore(":memory:", api_key=Secret.from_token("the secret itself"))
        with pytest.raises(ValueError, match="Cannot serialize token"):
            store.to_dict()

    def test_an_encoder_object_cannot_be_written_down(self) -> None:
        with pytest.raises(SerializationError, match="WordEncoder object"):
            SpladeDocumentStore(":memory:", model=WordEncoder()).to_dict()

    def test_the_key_reaches_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_KEY", "k123")
        monkeypatch.setattr("warnings.warn", lambda *_args, **_options: None)  # no TLS
        made: dict[str, Any] = {}

        def connect(*args: Any, **options: Any) -> None:
            made.update(options)

        monkeypatch.setattr("splade_integrations.haystack.document_store.Retriever", connect)
        store = SpladeDocumentStore(
            "http://h", model=WordEncoder(), api_key=Secret.from_env_var("MY_KEY")
        )
        assert store.retriever is None
        assert made["api_key"] == "k123"

    def test_wrong_settings_are_refused_at_once(self) -> None:
        with pytest.raises(ConfigError, match="on_dsik"):
            SpladeDocumentStore(":memory:", settings={"on_dsik": True})


class TestDense:
    def test_hybrid_search_is_the_default_with_dense_vectors(self, make_store: MakeStore) -> None:
        store = make_store(dense_encoder=LetterEncoder())
        store.write_documents([Document(id="a", content="oo"), Document(id="b", content="o word")])
        assert [each.id for each in store.search("word o")] == ["b", "a"]
        assert [each.id for each in store.search("word", mode="sparse")] == ["b"]

    def test_a_dense_head_serves_both(self, make_store: MakeStore) -> None:
        store = make_store(model=HybridEncoder())
        store.write_documents([Document(id="a", content="oo", embedding=[1.0, 2.0])])
        assert [each.id for each in store.search("o")] == ["a"]

    def test_a_name_is_a_sentence_transformer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded: list[str] = []

        class Fake(LetterEncoder):
            def __init__(self, name: str) -> None:
                super().__init__()
                loaded.append(name)

        pytest.importorskip("sentence_transformers")
        monkeypatch.setattr("sentence_transformers.SentenceTransformer", Fake)
        store = SpladeDocumentStore(":memory:", model=WordEncoder(), dense_encoder="some/model")
        assert loaded == []
        store.warm_up()
        store.write_documents([Document(id="a", content="oo")])
        assert [each.id for each in store.search("o", mode="dense")] == ["a"]
        assert loaded == ["some/model"]
        store.close()

    def test_what_a_file_holds_of_it(self) -> None:
        for given in (None, False, "some/model"):
            store = SpladeDocumentStore(":memory:", dense_encoder=given)  # type: ignore[arg-type]
            data = store.to_dict()
            assert data["init_parameters"]["dense_encoder"] == given
            assert SpladeDocumentStore.from_dict(data).to_dict() == data
        with pytest.raises(SerializationError, match="LetterEncoder object"):
            SpladeDocumentStore(":memory:", dense_encoder=LetterEncoder()).to_dict()


def test_making_one_does_no_work(tmp_path: Path) -> None:
    SpladeDocumentStore(path=str(tmp_path / "index"), model="no/such/model")
    assert list(tmp_path.iterdir()) == []


def test_filters_of_the_wrong_shape_are_haystacks_error(make_store: MakeStore) -> None:
    store = make_store()
    store.write_documents([Document(content="heart")])
    wrong = {"field": "meta.year", "operator": ">", "value": "soon"}
    with pytest.raises(FilterError, match="year"):
        store.filter_documents(wrong)
    with pytest.raises(FilterError, match="year"):
        store.search("heart", filters=wrong)


def test_over_rest() -> None:
    server = FakeServer()
    try:
        store = SpladeDocumentStore(server.url, model=WordEncoder())
        store.write_documents([Document(id="a", content="heart", meta={"year": 2024})])
        (found,) = store.search(
            "heart", filters={"field": "meta.year", "operator": "==", "value": 2024}
        )
        assert (found.id, found.score, found.meta) == ("a", 1.0, {"year": 2024})
        store.close()
    finally:
        server.close()
