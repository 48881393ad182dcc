"""What a server is asked for by ServerSettings, as it arrives there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from splade_sdk import CollectionSettings, Document, HnswSettings, Retriever, ServerSettings
from splade_sdk.errors import ConfigError
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import LetterEncoder, WordEncoder


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


def opened(server: FakeServer, **settings: Any) -> Retriever:
    layout = CollectionSettings(server=ServerSettings(**settings))
    return Retriever(
        server.url,
        encoder=WordEncoder(),
        dense_encoder=LetterEncoder(),
        settings=layout,
        retry=None,
    )


def created(server: FakeServer) -> dict[str, Any]:
    """Return the request that made the collection."""
    bodies = [json.loads(body) for body in server.bodies if b"sparse_vectors" in body]
    return dict(bodies[0])


def test_how_a_collection_is_made(server: FakeServer) -> None:
    with opened(
        server,
        shard_number=6,
        replication_factor=2,
        write_consistency_factor=2,
        on_disk_payload=True,
        hnsw=HnswSettings(m=32, ef_construct=256, full_scan_threshold=0),
        quantization="scalar",
        default_segment_number=4,
        max_segment_size=500_000,
        indexing_threshold=0,
    ) as retriever:
        retriever.upsert([Document("a", "text")])
    asked = created(server)
    assert (asked["shard_number"], asked["replication_factor"]) == (6, 2)
    assert asked["write_consistency_factor"] == 2
    assert asked["on_disk_payload"] is True
    hnsw = {name: value for name, value in asked["hnsw_config"].items() if value is not None}
    assert hnsw == {"m": 32, "ef_construct": 256, "full_scan_threshold": 0}
    assert asked["quantization_config"]["scalar"]["type"] == "int8"
    optimizers = asked["optimizers_config"]
    assert optimizers["default_segment_number"] == 4
    assert optimizers["max_segment_size"] == 500_000
    assert optimizers["indexing_threshold"] == 0


def test_what_is_not_asked_for_is_left_to_the_server(server: FakeServer) -> None:
    with opened(server) as retriever:
        retriever.upsert([Document("a", "text")])
    asked = created(server)
    names = ("shard_number", "replication_factor", "hnsw_config", "optimizers_config")
    assert [asked.get(name) for name in names] == [None] * 4


def test_consistency_and_ordering_of_every_call(server: FakeServer) -> None:
    with opened(server, consistency="majority", ordering="strong") as retriever:
        retriever.upsert([Document("a", "text"), Document("b", "other")])
        retriever.search("text")
        retriever.get("a")
        list(retriever.documents())
        retriever.delete(["a"])
        retriever.delete(filter={"year": 1})
    told = {"reads": 0, "writes": 0}
    for method, path in server.asked:
        if "/points" not in path or "count" in path:  # a count takes neither
            continue
        writes = method == "PUT" or "delete" in path
        assert ("ordering=strong" if writes else "consistency=majority") in path
        told["writes" if writes else "reads"] += 1
    assert min(told.values()) >= 3


def test_the_shard_key_of_every_call(server: FakeServer) -> None:
    with opened(server, sharding_method="custom", shard_key="europe") as retriever:
        retriever.upsert([Document("a", "text")])
        assert server.shard_keys == ["europe"]
        server.bodies.clear()
        retriever.search("text")
        retriever.get("a")
        retriever.count()
        list(retriever.documents())
        retriever.upsert([Document("b", "more")])
        retriever.delete(["a"])
    asked = [json.loads(body) for body in server.bodies if body]
    assert len(asked) >= 6
    for body in asked:
        told = [body, *body.get("searches", [])]
        assert "europe" in [each.get("shard_key") for each in told], body


def test_a_key_needs_custom_sharding() -> None:
    with pytest.raises(ConfigError, match="only custom sharding has keys"):
        ServerSettings(shard_key="europe")


@pytest.mark.parametrize("where", ["path", "memory"])
def test_other_engines_refuse(where: str, tmp_path: Path) -> None:
    place: dict[str, Any] = {"path": tmp_path} if where == "path" else {"url": ":memory:"}
    layout = CollectionSettings(server=ServerSettings(shard_number=2))
    retriever = Retriever(encoder=WordEncoder(), settings=layout, **place)
    with retriever, pytest.raises(ConfigError, match=r"settings\.server is for a Qdrant server"):
        retriever.upsert([Document("a", "text")])


def test_it_is_not_kept_with_the_collection(server: FakeServer) -> None:
    with opened(server, replication_factor=1) as retriever:
        retriever.upsert([Document("a", "text")])
    with opened(server, consistency="all") as retriever:  # other settings of calls
        assert retriever.count() == 1


def test_a_bulk_load_builds_indexes_when_it_is_over(server: FakeServer) -> None:
    def watched() -> Iterator[Document]:
        yield Document("a", "text")
        assert server.thresholds[-1] == 0
        yield Document("b", "more")

    with opened(server) as retriever:
        assert retriever.upsert(watched(), bulk=True).stored == 2
        assert server.thresholds == [20_000, 0, 20_000]
        retriever.sync([Document("a", "text")], bulk=True)
        assert server.thresholds == [20_000, 0, 20_000, 0, 20_000]


def test_a_bulk_load_that_fails_lets_it_index_again(server: FakeServer) -> None:
    def broken() -> Iterator[Document]:
        yield Document("a", "text")
        raise OSError("the file is gone")

    with opened(server) as retriever:
        with pytest.raises(OSError, match="the file is gone"):
            retriever.upsert(broken(), bulk=True)
        assert server.thresholds == [20_000, 0, 20_000]
        server.thresholds.append(0)  # as after one that was killed
        (finding,) = retriever.doctor().findings
        assert finding.what == "no index of dense vectors is built (indexing_threshold is 0)"


def test_a_bulk_load_of_an_embedded_collection(tmp_path: Path) -> None:
    with Retriever(path=tmp_path, encoder=WordEncoder()) as retriever:
        assert retriever.upsert([Document("a", "text")], bulk=True).stored == 1
