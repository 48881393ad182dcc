"""How long an event loop is held up while documents are stored, and how searches fare meanwhile.

    python -m benchmarks.asynchronous
    python -m benchmarks.asynchronous --documents 2000 --searches 64 --output /tmp/asynchronous

A heartbeat is called every 5 ms; how much later than planned it comes is how long the event loop
was held up by what else this process does. Documents bring their vectors, so that no model runs.
The server is the fake one of the tests, in a process of its own, over qdrant-client's local mode:
its times are not those of Qdrant, and its searches are few.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks._common import RESULTS, hardware, hardware_line, table, versions, write_results
from benchmarks._vectors import CHUNK, DOCUMENT_TERMS, QUERY_TERMS, ReadyVectors, texts, vectors
from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, Hit, SparseVector

BEAT_S = 0.005
LIMIT = 10
GOAL_MS = 50.0

Upsert = Callable[[Iterator[Document]], Awaitable[object]]
Search = Callable[[SparseVector], Awaitable[list[Hit]]]


def documents(count: int, seed: int) -> list[Document]:
    """Return documents with their vectors."""
    described = texts(20, seed)
    made = (vector for batch in vectors(DOCUMENT_TERMS, seed) for vector in batch)
    return [
        Document(f"doc-{seed}-{n}", next(described), {"year": n % 50}, vector)
        for n, vector in enumerate(islice(made, count))
    ]


def queries(count: int) -> list[SparseVector]:
    """Return query vectors."""
    made = (vector for batch in vectors(QUERY_TERMS, 7) for vector in batch)
    return list(islice(made, count))


class Heartbeat:
    """Notes how late it is called by the event loop."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._beat(self._loop.time())

    def _beat(self, planned: float) -> None:
        now = self._loop.time()
        self.late_s.append(now - planned)
        self._next = self._loop.call_later(BEAT_S, self._beat, now + BEAT_S)

    def stop(self) -> dict[str, float]:
        """Return the lateness in ms."""
        self._next.cancel()
        late_ms = np.array(self.late_s[1:]) * 1e3
        return {
            "beats": len(late_ms),
            "p50": float(np.percentile(late_ms, 50)),
            "p99": float(np.percentile(late_ms, 99)),
            "max": float(late_ms.max()),
        }


async def ingest(upsert: Upsert, given: list[Document]) -> dict[str, Any]:
    """Store documents, with a heartbeat beside it."""
    heart = Heartbeat()
    started = perf_counter()
    await upsert(iter(given))
    took_s = perf_counter() - started
    return {"late_ms": heart.stop(), "documents_per_s": len(given) / took_s}


async def searches(search: Search, asked: list[SparseVector]) -> dict[str, Any]:
    """Ask all at once, and return how long each waited for its answer."""
    taken_s: list[float] = []
    errors = 0

    async def ask(vector: SparseVector) -> None:
        nonlocal errors
        started = perf_counter()
        try:
            assert await search(vector)
        except Exception as error:  # noqa: BLE001 - counted
            errors += 1
            print(f"error: {error!r}")
        taken_s.append(perf_counter() - started)

    started = perf_counter()
    await asyncio.gather(*map(ask, asked))
    return {
        "searches": len(asked),
        "errors": errors,
        "p50_ms": float(np.percentile(taken_s, 50)) * 1e3,
        "p95_ms": float(np.percentile(taken_s, 95)) * 1e3,
        "all_ms": (perf_counter() - started) * 1e3,
    }


async def measure(
    upsert: Upsert, search: Search, first: list[Document], more: list[Document], rounds: int
) -> dict[str, Any]:
    """Measure an ingest alone, and one with searches beside it."""
    vectors_asked = queries(64)
    alone = await ingest(upsert, first)
    await search(vectors_asked[0])
    quiet = await searches(search, vectors_asked[:rounds])
    under_way = asyncio.create_task(ingest(upsert, more))
    await asyncio.sleep(0.2)
    beside = await searches(search, vectors_asked[:rounds])
    lasted = not under_way.done()
    with_searches = await under_way
    return {
        "ingest": alone,
        "ingest_with_searches": with_searches,
        "searches": quiet,
        "searches_during_ingest": beside | {"ingest_outlasted_them": lasted},
    }


@asynccontextmanager
async def asynchronous(**place: Any) -> AsyncIterator[tuple[Upsert, Search]]:
    """Give AsyncRetriever's methods."""
    encoder: Any = ReadyVectors([])
    async with AsyncRetriever(encoder=encoder, **place) as retriever:
        await retriever.upsert(documents(1, 0))  # starts the worker, loads libraries
        yield (
            lambda given: retriever.upsert(given, show_progress_bar=False),
            lambda vector: retriever.search(vector, limit=LIMIT),
        )


@asynccontextmanager
async def synchronous(**place: Any) -> AsyncIterator[tuple[Upsert, Search]]:
    """Give Retriever's methods, in threads: what one would do without AsyncRetriever."""
    encoder: Any = ReadyVectors([])
    with Retriever(encoder=encoder, **place) as retriever:
        await asyncio.to_thread(retriever.upsert, documents(1, 0))
        yield (
            lambda given: asyncio.to_thread(retriever.upsert, given, show_progress_bar=False),
            lambda vector: asyncio.to_thread(retriever.search, vector, limit=LIMIT),
        )


def serve(told: Connection) -> None:
    """Run in a child: a fake server, until the pipe is closed."""
    from tests.contracts.fake_server import FakeServer

    server = FakeServer()
    told.send(server.url)
    try:
        told.recv()
    except EOFError:
        server.close()


@contextmanager
def fake_server() -> Iterator[str]:
    """Give the address of a fake server in another process."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=serve, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    yield ours.recv()
    ours.close()
    child.join()


def measure_all(count: int, server_count: int, rounds: int, server_rounds: int) -> dict[str, Any]:
    """Measure all contenders, one after the other."""
    made: dict[str, Any] = {}
    first, more = documents(count, 1), documents(count, 2)
    with tempfile.TemporaryDirectory() as folder:
        for name, opened in (
            ("AsyncRetriever(path)", asynchronous(path=Path(folder) / "a")),
            ("Retriever(path) in threads", synchronous(path=Path(folder) / "s")),
        ):
            made[name] = asyncio.run(_run(opened, first, more, rounds))
    for name, contender in (
        ("AsyncRetriever(server)", asynchronous),
        ("Retriever(server) in threads", synchronous),
    ):
        with fake_server() as url:
            made[name] = asyncio.run(
                _run(contender(url=url), first[:server_count], more[:server_count], server_rounds)
            )
    return made


async def _run(opened: Any, first: list[Document], more: list[Document], rounds: int) -> Any:
    async with opened as (upsert, search):
        return await measure(upsert, search, first, more, rounds)


def report(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    about = (
        f"Documents with ready-made vectors ({DOCUMENT_TERMS} terms each, in batches of {CHUNK}) "
        f"are stored while a heartbeat is called every {BEAT_S * 1e3:g} ms; its lateness, in ms, "
        f"is how long the event loop was held up (goal: never {GOAL_MS:g} ms). Then the same with "
        f"searches (top {LIMIT}) begun all at once meanwhile. The server is the fake one of the "
        "tests, in a process of its own."
    )
    late_rows, search_rows = [], []
    for name, measured in result["contenders"].items():
        for kind, what in (("ingest", "ingest"), ("ingest_with_searches", "with searches")):
            taken = measured[kind]
            late = taken["late_ms"]
            late_rows.append(
                [
                    name,
                    what,
                    late["beats"],
                    late["p50"],
                    late["p99"],
                    late["max"],
                    f"{taken['documents_per_s']:,.0f}",
                ]
            )
        for kind, what in (("searches", "alone"), ("searches_during_ingest", "during ingest")):
            found = measured[kind]
            search_rows.append(
                [name, what, found["searches"], found["errors"], found["p50_ms"], found["p95_ms"]]
            )
    return "\n\n".join(
        [
            "# What an event loop notices of an ingest",
            hardware_line(result["hardware"], result["versions"]),
            about,
            table(["", "", "beats", "late p50", "p99", "max", "documents/s"], late_rows),
            table(["", "searches", "at once", "errors", "p50 ms", "p95 ms"], search_rows),
        ]
    )


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=64)
    parser.add_argument("--server-documents", type=int, default=1_000)
    parser.add_argument("--server-searches", type=int, default=64)
    parser.add_argument("--output", type=Path, default=RESULTS / "asynchronous")
    given = parser.parse_args()
    result: dict[str, Any] = {
        "hardware": hardware(),
        "versions": versions("splade-sdk", "qdrant-edge-py", "qdrant-client", "numpy"),
        "contenders": measure_all(
            given.documents, given.server_documents, given.searches, given.server_searches
        ),
    }
    markdown = report(result)
    print(markdown)
    write_results(given.output, result, markdown)


if __name__ == "__main__":
    main()
