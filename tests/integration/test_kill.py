"""Nothing that an upsert has acknowledged is lost when the process is killed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from splade_sdk.config import Fingerprint
from splade_sdk.qdrant.base import Point, SearchRequest
from splade_sdk.qdrant.embedded import EmbeddedCollection
from splade_sdk.qdrant.ids import point_id
from splade_sdk.types import SparseVector

ROUNDS = 10
BATCH = 32
TERMS = 40
DIMENSIONS = 4096
FINGERPRINT = Fingerprint(
    kind="other", model="m", revision="r", vocabulary_sha256="v", dimensions=DIMENSIONS
)


def batch(number: int) -> list[Point]:
    """Points whose first term is their batch, so that a search finds just them."""
    chance = random.Random(number)
    return [
        Point(
            point_id(f"{number}-{each}"),
            SparseVector.from_dict(
                {number: 1.0} | {chance.randrange(2048, DIMENSIONS): 0.5 for _ in range(TERMS)},
                DIMENSIONS,
            ),
            {"batch": number, "text": "some text " * 10},
        )
        for each in range(BATCH)
    ]


def ingest_until_killed(path: Path, first: int, told: Connection) -> None:
    """Run in the child: store batch after batch, and say so after each."""
    with EmbeddedCollection.open(path, name="docs", fingerprint=FINGERPRINT) as collection:
        told.send(None)
        for number in range(first, 2048):
            collection.upsert(batch(number))
            told.send(number)
            if number % 7 == 0:
                collection.optimize()  # flushes as well: be killed in there, too


def heard(from_child: Connection) -> Iterator[int]:
    with suppress(EOFError):
        while True:
            yield from_child.recv()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill -9")
def test_ten_kills_lose_no_acknowledged_point(tmp_path: Path) -> None:
    # Children of a fork server: they start fast, and share no thread of the engine with us.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["splade_sdk.qdrant.embedded"])
    chance = random.Random()
    acknowledged: set[int] = set()
    begun = 0
    for _ in range(ROUNDS):
        here, there = processes.Pipe(duplex=False)
        child = processes.Process(
            target=ingest_until_killed, args=(tmp_path / "index", begun, there)
        )
        child.start()
        there.close()
        assert here.recv() is None, "the child has opened the collection"
        time.sleep(chance.uniform(0.02, 0.25))
        child.kill()
        acknowledged.update(heard(here))
        child.join()
        assert child.exitcode == -signal.SIGKILL
        child.close()
        here.close()
        begun = max(acknowledged, default=-1) + 2  # the batch after the last may be there as well

    assert len(acknowledged) >= ROUNDS, "the child was killed before it stored anything to speak of"
    with EmbeddedCollection.open(tmp_path / "index", name="docs", fingerprint=FINGERPRINT) as found:
        for number in acknowledged:
            expected = batch(number)
            records = found.get([point.id for point in expected], with_vectors=True)
            assert [(r.id, r.payload, r.vector) for r in records] == [
                (p.id, p.payload, p.vector) for p in expected
            ]
            query = SparseVector.from_dict({number: 1.0}, DIMENSIONS)
            hits = found.search(SearchRequest(query, limit=BATCH + 1))
            assert [hit.id for hit in hits] == sorted(point.id for point in expected)
        # Beyond what was acknowledged: at most the one batch under way at each kill, whole.
        surplus, rest = divmod(found.count() - BATCH * len(acknowledged), BATCH)
        assert rest == 0
        assert 0 <= surplus <= ROUNDS
