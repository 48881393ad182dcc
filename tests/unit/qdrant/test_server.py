"""The server adapter against a server that fails on demand."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

from splade_sdk.config import CollectionSettings, Fingerprint
from splade_sdk.errors import (
    AuthenticationError,
    CollectionMismatchError,
    CollectionNotFoundError,
    ConfigError,
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    IndexLockedError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.server import ServerCollection
from tests.contracts.fake_server import FakeServer, Fault
from tests.unit.qdrant.points import point, query


@pytest.fixture
def collection(server: FakeServer, fingerprint: Fingerprint) -> Iterator[ServerCollection]:
    with ServerCollection.open(
        Address(url=server.url, collection="docs", retry=None), fingerprint=fingerprint
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "ours", "told"),
    [
        (Fault(401, "Invalid API key or JWT"), AuthenticationError, "check api_key"),
        (Fault(403, '{"status": {"error": "Forbidden"}}'), AuthenticationError, "Forbidden"),
        (Fault(404, '{"status": {"error": "Not found"}}'), CollectionNotFoundError, "upsert"),
        (Fault(400, '{"status": {"error": "bad input"}}'), RequestRejectedError, "bad input"),
        (Fault(422, '{"status": {"error": "dup"}}'), RequestRejectedError, "dup"),
        (Fault(429, "{}", {"Retry-After": "7"}), RateLimitedError, "wait 7 s"),
        (Fault(429, "{}"), RateLimitedError, "slow down"),
        (Fault(500, "oops"), EngineError, "the server failed.*500: oops"),
        (Fault(503, "down"), EngineConnectionError, "try again later"),
        (Fault(200, "<html>hello</html>"), EngineConnectionError, "is there a proxy"),
        (Fault(200, '{"result": 3}'), EngineConnectionError, "not one of a Qdrant server"),
        (Fault(drop=True), EngineConnectionError, "disconnected"),
    ],
)
def test_faults_have_our_names(
    server: FakeServer, collection: ServerCollection, fault: Fault, ours: Any, told: str
) -> None:
    server.fault = fault
    for use in (
        lambda: collection.upsert([point("a")]),
        lambda: collection.search(query()),
        lambda: collection.get([point("a").id]),
        lambda: collection.delete([point("a").id]),
        lambda: collection.count(),
        lambda: collection.scroll(),
    ):
        with pytest.raises(ours, match=told) as raised:
            use()
        assert f"'docs' at {server.url}" in str(raised.value)
    server.fault = None
    collection.upsert([point("a")])
    assert collection.count() == 1


def test_a_slow_server_times_out(server: FakeServer, fingerprint: Fingerprint) -> None:
    server.fault = Fault(wait_s=1.5)
    with pytest.raises(EngineTimeoutError, match="raise timeout_s"):
        ServerCollection.open(
            Address(url=server.url, collection="docs", timeout_s=0.5, retry=None),
            fingerprint=fingerprint,
        )


def test_no_server_at_all(fingerprint: Fingerprint) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(EngineConnectionError, match=f"{url}.*refused; is the server running"):
        ServerCollection.open(
            Address(url=url, collection="docs", retry=None), fingerprint=fingerprint
        )


def test_secrets_stay_out_of_messages(server: FakeServer, fingerprint: Fingerprint) -> None:
    server.fault = Fault(401, "the key s3cret is not known")
    url = server.url.replace("//", "//user:hush@")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        with pytest.raises(AuthenticationError) as raised:
            ServerCollection.open(
                Address(url=url, collection="docs", api_key="s3cret"), fingerprint=fingerprint
            )
    assert "s3cret" not in str(raised.value)
    assert "hush" not in str(raised.value)


def test_large_upserts_are_split(server: FakeServer, collection: ServerCollection) -> None:
    server.bodies.clear()
    collection.upsert([point(f"d{n}", text="x" * 1_500_000) for n in range(5)])
    sizes = [len(body) for body in server.bodies]
    assert len(sizes) == 3  # 2 + 2 + 1
    assert max(sizes) < 4_000_000
    assert collection.count() == 5


def test_a_foreign_collection_is_refused_and_left_alone(
    tmp_path: Path, fingerprint: Fingerprint
) -> None:
    client = QdrantClient(path=str(tmp_path))
    client.create_collection("docs", sparse_vectors_config={"x": models.SparseVectorParams()})
    client.close()
    with pytest.raises(CollectionMismatchError, match="was not made by this package"):
        ServerCollection.open(Address(path=tmp_path, collection="docs"), fingerprint=fingerprint)
    client = QdrantClient(path=str(tmp_path))
    assert client.get_collection("docs").config.metadata is None
    client.close()


def test_a_creation_that_another_process_won_is_joined(
    server: FakeServer, fingerprint: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = QdrantClient.create_collection

    def created_by_another_first(self: Any, *args: Any, **kw: Any) -> Any:
        create(self, *args, **kw)
        return create(self, *args, **kw)  # the server says: exists already

    monkeypatch.setattr(QdrantClient, "create_collection", created_by_another_first)
    with ServerCollection.open(
        Address(url=server.url, collection="docs"), fingerprint=fingerprint
    ) as made:
        assert made.count() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_locked_folder_of_local_mode(tmp_path: Path, fingerprint: Fingerprint) -> None:
    with (
        ServerCollection.open(Address(path=tmp_path, collection="docs"), fingerprint=fingerprint),
        pytest.raises(IndexLockedError, match="already accessed"),
    ):
        ServerCollection.open(Address(path=tmp_path, collection="docs"), fingerprint=fingerprint)
    gc.collect()  # here: the client leaves its lock file open when it cannot lock it


def test_local_mode_says_once_that_it_is_slow(fingerprint: Fingerprint) -> None:
    with ServerCollection.open(
        Address(url=":memory:", collection="docs"), fingerprint=fingerprint
    ) as made:
        made.upsert([point(f"d{n}") for n in range(5_000)])
        with pytest.warns(UserWarning, match=r"more than 5,000 points.*splade-sdk\[edge\]"):
            made.upsert([point("one too many")])
        made.upsert([point("no second warning")])


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "x" * 201, "tab\t", None])
def test_names_that_no_engine_takes(name: Any, fingerprint: Fingerprint) -> None:
    with pytest.raises(ConfigError, match="collection is"):
        ServerCollection.open(Address(url=":memory:", collection=name), fingerprint=fingerprint)


def test_an_unknown_index_schema(collection: ServerCollection) -> None:
    with pytest.raises(RequestRejectedError, match="schema is 'int': expected one of bool, dat"):
        collection.create_payload_index("metadata.year", "int")


def test_fields_are_indexed_on_the_server(server: FakeServer, fingerprint: Fingerprint) -> None:
    settings = CollectionSettings(indexed_fields={"year": "integer", "two words": "keyword"})
    with ServerCollection.open(
        Address(url=server.url, collection="docs"), fingerprint=fingerprint, settings=settings
    ):
        sent = b" ".join(server.bodies).decode()
    assert '"field_name":"metadata.year"' in sent
    assert r'"field_name":"metadata.\"two words\""' in sent


def test_search_sends_one_request_for_a_batch(
    server: FakeServer, collection: ServerCollection
) -> None:
    collection.upsert([point("a"), point("b", {2: 1.0})])
    server.bodies.clear()
    found = collection.search_batch([query(), query({2: 2.0}), query({3: 1.0})])
    assert [[hit.score for hit in hits] for hits in found] == [[1.0], [2.0], []]
    assert len(server.bodies) == 1
