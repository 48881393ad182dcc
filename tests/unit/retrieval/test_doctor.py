"""Each finding of a checkup, produced for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from splade_sdk import Bm25Encoder, Document, Finding, Retriever
from splade_sdk.qdrant.base import CollectionStatus
from splade_sdk.qdrant.server_collection import METADATA_KEY
from splade_sdk.retrieval import doctor
from splade_sdk.types import SparseVector
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import LetterEncoder, WordEncoder


def documents(count: int = 3) -> list[Document]:
    return [Document(f"d{n}", f"word{n} common", {"year": 2000 + n}) for n in range(count)]


def opened(path: Path, **given: Any) -> Retriever:
    return Retriever(**{"path": path, "encoder": WordEncoder(), "dense_encoder": False, **given})


def findings(retriever: Retriever, check: str) -> list[Finding]:
    return [each for each in retriever.doctor().findings if each.check == check]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


@pytest.fixture
def with_status(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let every collection say something else of itself."""

    def say(**told: Any) -> None:
        status = CollectionStatus(**{"engine": "an engine", "points": 3, **told})
        monkeypatch.setattr(
            "splade_sdk.qdrant.embedded.EmbeddedCollection.status", lambda _: status
        )

    return say


def test_a_healthy_collection(tmp_path: Path) -> None:
    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
        report = retriever.doctor()
    assert report.healthy
    assert list(report.findings) == []
    assert {"model", "vocabulary", "idf", "dense vectors"} <= set(report.checks)
    assert "0 findings" in str(report)


def test_a_healthy_collection_on_a_server(server: FakeServer) -> None:
    with Retriever(server.url, encoder=Bm25Encoder(), retry=None) as retriever:
        retriever.upsert(documents())
        assert list(retriever.doctor().findings) == []


def test_no_collection(tmp_path: Path) -> None:
    with opened(tmp_path) as retriever:
        (finding,) = retriever.doctor().findings
    assert (finding.check, finding.severity) == ("opening", "error")
    assert "upsert documents first" in str(finding)


def test_another_model(tmp_path: Path) -> None:
    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
    with opened(tmp_path, encoder=WordEncoder("others")) as retriever:
        report = retriever.doctor()
        assert not report.healthy
        assert "vocabulary_sha256" in str(report)


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (WordEncoder(), "the engine's IDF is on"),
        (Bm25Encoder(), "the encoder asks for the engine's IDF"),
    ],
)
def test_an_idf_setting_that_does_not_fit(server: FakeServer, encoder: Any, told: str) -> None:
    wrong = None if isinstance(encoder, Bm25Encoder) else models.Modifier.IDF
    with Retriever(server.url, encoder=encoder, collection="right", retry=None) as retriever:
        retriever.upsert(documents())
    client = QdrantClient(server.url, check_compatibility=False)
    metadata = client.get_collection("right").config.metadata or {}
    client.create_collection(
        "wrong",
        vectors_config={},
        sparse_vectors_config={"splade": models.SparseVectorParams(modifier=wrong)},
        metadata={METADATA_KEY: metadata[METADATA_KEY]},
    )
    client.close()
    with Retriever(server.url, encoder=encoder, collection="wrong", retry=None) as retriever:
        (finding,) = findings(retriever, "idf")
    assert finding.severity == "error"
    assert finding.what.startswith(told)


def test_vectors_without_terms(tmp_path: Path) -> None:
    with opened(tmp_path) as retriever:
        retriever.upsert([*documents(), Document("blank", "  ")])
        (finding,) = findings(retriever, "empty vectors")
    assert finding.what.startswith("1 of 4 documents looked at")
    assert "'blank'" in finding.what


def test_documents_without_dense_vectors(tmp_path: Path) -> None:
    with opened(tmp_path, dense_encoder=LetterEncoder()) as retriever:
        retriever.upsert([*documents(), Document("blank", " ")])
        (finding,) = findings(retriever, "dense vectors")
    assert (finding.severity, finding.what[:11]) == ("warning", "1 documents")
    with opened(tmp_path) as retriever:  # and no dense encoder either
        assert [each.severity for each in findings(retriever, "dense vectors")] == [
            "warning",
            "info",
        ]


def test_an_upgrade_that_was_not_finished(tmp_path: Path) -> None:
    class Failing(LetterEncoder):
        def encode(self, texts: list[str]) -> Any:
            if any("common" in text for text in texts):
                raise RuntimeError("out of memory")
            return super().encode(texts)

    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
    with opened(tmp_path, dense_encoder=Failing()) as retriever:
        with pytest.raises(RuntimeError):
            retriever.upgrade_to_hybrid()
        (finding,) = findings(retriever, "dense vectors")
    assert finding.advice == "call upgrade_to_hybrid() again"


def test_fields_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MANY", 2)
    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
        (finding,) = findings(retriever, "indexed fields")
        assert "no payload index for year: filters on them look at all 3" in finding.what
        retriever._connection.open().create_payload_index("metadata.year", "integer")
        assert findings(retriever, "indexed fields") == []


def test_what_the_optimizer_has_to_do(tmp_path: Path, with_status: Callable[..., None]) -> None:
    with_status(pending="status yellow", advice="wait")
    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
        assert [str(each) for each in findings(retriever, "optimizer")] == [
            "warning: optimizer: status yellow; wait"
        ]


@pytest.mark.parametrize(
    ("server_version", "count"),
    [("1.20.3", 0), ("1.19.0", 0), ("1.21.0", 0), ("1.18.2", 1), ("2.0.0", 1)],
)
def test_versions_that_are_not_made_for_each_other(
    tmp_path: Path, with_status: Callable[..., None], server_version: str, count: int
) -> None:
    with_status(client_version="1.20.0", server_version=server_version)
    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
        assert len(findings(retriever, "engine")) == count


def test_an_encoder_that_changed_its_mind(tmp_path: Path) -> None:
    class Moody(WordEncoder):
        def _encode(self, text: str) -> SparseVector:
            return SparseVector.from_dict({1: 1.0}, self.dimensions)

    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
    with opened(tmp_path, encoder=Moody()) as retriever:
        (finding,) = findings(retriever, "model")
    assert finding.severity == "error"
    assert "another vector of document" in finding.what


def test_documents_of_other_settings(tmp_path: Path) -> None:
    class Short(WordEncoder):
        document_settings = "max_length=3"

    with opened(tmp_path) as retriever:
        retriever.upsert(documents())
    with opened(tmp_path, encoder=Short()) as retriever:
        (finding,) = findings(retriever, "settings")
    assert finding.what.startswith("3 of 3 documents looked at were encoded with other settings")


def test_local_mode_with_many_points(server: FakeServer, tmp_path: Path) -> None:
    from splade_sdk.qdrant import server as adapter
    from splade_sdk.qdrant.address import Address

    with adapter.ServerCollection.open(
        Address(path=tmp_path, collection="local"), fingerprint=WordEncoder().fingerprint
    ) as collection:
        assert collection.status().slow == ""
        assert collection.status().engine == "qdrant-client's local mode"
