"""The same promises as in test_faults.py, for a client that speaks gRPC."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest
from qdrant_client import QdrantClient

from splade_sdk.config import CollectionSettings
from splade_sdk.errors import (
    EngineConnectionError,
    EngineError,
    EngineTimeoutError,
    RateLimitedError,
)
from splade_sdk.qdrant.base import Point
from splade_sdk.qdrant.ids import point_id
from splade_sdk.qdrant.schema import CollectionContract
from splade_sdk.qdrant.server import ServerCollection
from splade_sdk.retry import RetryPolicy, RetrySettings
from splade_sdk.types import SparseVector
from tests.integration.fake_grpc_server import FakeGrpcServer, GrpcFault
from tests.unit.fakes import WordEncoder

Code = grpc.StatusCode

TRANSIENT = [
    GrpcFault(Code.UNAVAILABLE),
    GrpcFault(Code.UNAVAILABLE, carry_out=True),
    GrpcFault(Code.DEADLINE_EXCEEDED),
    GrpcFault(Code.DEADLINE_EXCEEDED, carry_out=True),
    GrpcFault(Code.RESOURCE_EXHAUSTED, retry_after_s=3),
    GrpcFault(Code.INTERNAL),
]
FOR_GOOD = [
    code
    for code in Code
    if code not in {Code.OK, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL}
]


@pytest.fixture
def server() -> Iterator[FakeGrpcServer]:
    made = FakeGrpcServer()
    yield made
    made.close()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def collection(server: FakeGrpcServer, slept: list[float]) -> Iterator[ServerCollection]:
    client = QdrantClient(
        "127.0.0.1",
        grpc_port=server.port,
        prefer_grpc=True,
        https=False,
        check_compatibility=False,
        timeout=5,
    )
    contract = CollectionContract(
        fingerprint=WordEncoder().fingerprint, settings=CollectionSettings()
    )
    policy = RetryPolicy(RetrySettings(attempts=10, first_wait_s=0), sleep=slept.append)
    with ServerCollection(client, "docs", contract, where="grpc", retry=policy) as made:
        yield made


def points(count: int) -> list[Point]:
    encoder = WordEncoder()
    vector = SparseVector.from_dict({1: 1.0}, encoder.dimensions)
    return [Point(point_id(f"d{n}"), vector, {"n": n}) for n in range(count)]


def test_a_fifth_of_all_calls_fails_and_everything_is_stored_once(
    server: FakeGrpcServer, collection: ServerCollection
) -> None:
    draw, ways, given = random.Random(0), itertools.cycle(TRANSIENT), []

    def plan(_: str) -> GrpcFault | None:
        if draw.random() >= 0.2:
            return None
        given.append(next(ways))
        return given[-1]

    server.plan = plan
    everything = points(1_000)
    for start in range(0, 1_000, 10):
        collection.upsert(everything[start : start + 10])
    assert set(given) == set(TRANSIENT)
    assert sorted(server.stored) == sorted(point.id for point in everything)
    assert collection.count() == 1_000


@pytest.mark.parametrize("code", FOR_GOOD)
def test_what_no_retry_cures_is_tried_once(
    server: FakeGrpcServer, collection: ServerCollection, code: grpc.StatusCode
) -> None:
    server.plan = lambda _: GrpcFault(code)
    with pytest.raises(EngineError, match=f"{code.name}: because"):
        collection.count()
    assert server.asked == ["count"]


def test_retry_after_is_honoured_and_bounded(
    server: FakeGrpcServer, collection: ServerCollection, slept: list[float]
) -> None:
    answers = [GrpcFault(Code.RESOURCE_EXHAUSTED, 61), GrpcFault(Code.RESOURCE_EXHAUSTED, 7)]
    server.plan = lambda _: answers.pop() if answers else None
    with pytest.raises(RateLimitedError, match=r"wait 61 s.*tried 2 times"):
        collection.count()
    assert slept == [7]
    assert collection.count() == 0


@pytest.mark.parametrize(
    ("code", "ours", "attempts"),
    [
        (Code.UNAVAILABLE, EngineConnectionError, 10),
        (Code.DEADLINE_EXCEEDED, EngineTimeoutError, 10),
        (Code.INTERNAL, EngineError, 3),
    ],
)
def test_it_ends(
    server: FakeGrpcServer,
    collection: ServerCollection,
    code: grpc.StatusCode,
    ours: type[EngineError],
    attempts: int,
) -> None:
    server.plan = lambda _: GrpcFault(code)
    with pytest.raises(ours, match=f"tried {attempts} times"):
        collection.count()
    assert len(server.asked) == attempts


def test_a_server_that_is_gone(server: FakeGrpcServer, collection: ServerCollection) -> None:
    server.close()
    with pytest.raises(EngineConnectionError, match="tried 10 times"):
        collection.count()
