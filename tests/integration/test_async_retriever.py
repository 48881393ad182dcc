"""AsyncRetriever gives what Retriever gives, from threads and from a worker process."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from splade_sdk import AsyncRetriever, Document, Retriever
from splade_sdk.encoders.base import EncodeOptions, SideName
from splade_sdk.errors import (
    CollectionNotFoundError,
    ConfigError,
    EngineClosedError,
    EngineError,
    InvalidDocumentError,
    InvalidTypeError,
)
from splade_sdk.types import Explanation, Hit, HitGroup, SparseBatch
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import LetterEncoder, WordEncoder

T = TypeVar("T")
Opened = Callable[..., AsyncRetriever]


@pytest.fixture(params=["embedded", "memory", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    if request.param == "server":
        server = FakeServer()
        yield {"url": server.url, "retry": None}
        server.close()
    else:
        yield {"path": tmp_path / "index"} if request.param == "embedded" else {"url": ":memory:"}


def opened(where: dict[str, Any], **given: Any) -> AsyncRetriever:
    return AsyncRetriever(**{"encoder": WordEncoder(), "dense_encoder": False, **where, **given})


def documents(count: int = 30) -> list[Document]:
    return [
        Document(f"d{n:04}", f"word{n} common {'even' if n % 2 == 0 else 'odd'}", {"part": n % 3})
        for n in range(count)
    ]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def public(kind: type) -> dict[str, Any]:
    return {
        name: each
        for name, each in inspect.getmembers(kind)
        if not name.startswith("_") and callable(each)
    }


def properties(kind: type) -> set[str]:
    found = inspect.getmembers(kind, lambda each: isinstance(each, property))
    return {name for name, _ in found if not name.startswith("_")}


def test_it_has_every_method_with_the_same_arguments() -> None:
    ours, theirs = public(AsyncRetriever), public(Retriever)
    # What is a property of the one, and is read from the engine, is a coroutine of the other.
    modes = ours.pop("modes")
    assert inspect.iscoroutinefunction(modes)
    assert set(ours) == set(theirs)
    assert properties(AsyncRetriever) | {"modes"} == properties(Retriever)
    for name, method in ours.items():
        mine = {
            each.name: (each.kind, each.default)
            for each in inspect.signature(method).parameters.values()
        }
        sync = {
            each.name: (each.kind, each.default)
            for each in inspect.signature(theirs[name]).parameters.values()
        }
        assert mine == sync, name
        assert inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method), name


def test_it_takes_the_arguments_of_retriever() -> None:
    ours = set(inspect.signature(AsyncRetriever).parameters)
    assert ours - {"max_concurrency"} == set(inspect.signature(Retriever).parameters)


def test_results_are_those_of_retriever(where: dict[str, Any]) -> None:
    async def asked() -> list[Any]:
        async with opened(where, dense_encoder=LetterEncoder()) as retriever:
            report = await retriever.upsert(documents())
            found = [
                (report.stored, report.failed),
                await retriever.search("word7 common", limit=5),
                await retriever.search("common", mode="hybrid", filter={"part": 1}, limit=5),
                await retriever.search_batch(["word1", "word2"], limit=2),
                await retriever.search_groups("common", group_by="part", limit=3),
                await retriever.recommend("d0003", limit=4),
                await retriever.explain("word7 common", "d0007"),
                await retriever.get("d0005"),
                await retriever.get(["d0001", "none"], with_vectors=True),
                await retriever.count({"part": 2}),
                [each async for each in retriever.documents(batch_size=7)],
            ]
            await retriever.delete(["d0000", "d0001"])
            synced = await retriever.sync(documents(10))
            return [*found, synced.deleted, synced.stored, await retriever.count()]

    retriever = Retriever(":memory:", encoder=WordEncoder(), dense_encoder=LetterEncoder())
    with retriever:
        retriever.upsert(documents())
        expected: list[Any] = [
            (30, ()),
            retriever.search("word7 common", limit=5),
            retriever.search("common", mode="hybrid", filter={"part": 1}, limit=5),
            retriever.search_batch(["word1", "word2"], limit=2),
            retriever.search_groups("common", group_by="part", limit=3),
            retriever.recommend("d0003", limit=4),
            retriever.explain("word7 common", "d0007"),
            retriever.get("d0005"),
            retriever.get(["d0001", "none"], with_vectors=True),
            retriever.count({"part": 2}),
            list(retriever.documents(batch_size=7)),
            20,  # of 28 documents left, those from d0010 on
            2,  # those that were deleted
            10,
        ]
    found = run(asked())
    assert [_rounded(each) for each in found] == [_rounded(each) for each in expected]


def _rounded(value: Any) -> Any:
    """Show hits by id and rounded score: servers and engines round dense vectors differently."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, HitGroup):
        return value.key, _rounded(list(value.hits))
    if isinstance(value, Explanation):
        return str(value)
    return (value.id, round(value.score, 4)) if isinstance(value, Hit) else value


def test_documents_may_come_from_async_and_other_generators(where: dict[str, Any]) -> None:
    async def stream() -> AsyncIterator[Document]:
        for document in documents(20):
            await asyncio.sleep(0)
            yield document

    async def main() -> int:
        async with opened(where) as retriever:
            assert (await retriever.upsert(stream(), batch_size=6)).stored == 20
            more = (Document(f"more{n}", f"more{n}") for n in range(5))
            assert (await retriever.upsert(more)).stored == 5
            return await retriever.count()

    assert run(main()) == 25


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_stream_that_breaks_tells_what_was_stored(where: dict[str, Any], kind: str) -> None:
    async def broken() -> AsyncIterator[Document]:
        for document in documents(10):
            yield document
        raise OSError("the disk is gone")

    def also_broken() -> Iterator[Document]:
        yield from documents(10)
        raise OSError("the disk is gone")

    async def main() -> None:
        async with opened(where) as retriever:
            stream: Any = broken() if kind == "async" else also_broken()
            with pytest.raises(OSError, match="the disk is gone") as raised:
                await retriever.upsert(stream, batch_size=4)
            report = raised.value.report  # type: ignore[attr-defined]
            assert report.stored == await retriever.count()
            assert report.stored in (8, 10)  # at least the whole batches
            assert (await retriever.upsert(documents())).stored == 30 - report.stored

    run(main())


def test_errors_are_those_of_retriever(where: dict[str, Any]) -> None:
    async def main() -> None:
        async with opened(where) as retriever:
            with pytest.raises(CollectionNotFoundError, match="upsert documents first"):
                await retriever.search("word1")
            with pytest.raises(InvalidTypeError, match=r"documents\[1\] is str"):
                await retriever.upsert([Document("a", "b"), "no document"])  # type: ignore[list-item]
            with pytest.raises(InvalidDocumentError):
                await retriever.upsert([Document("a", "b", {"what": object()})])
            await retriever.upsert(documents())
            with pytest.raises(InvalidTypeError, match="limit"):
                await retriever.search("word1", limit="three")  # type: ignore[arg-type]
            assert len(await retriever.search("common", limit=3)) == 3

    run(main())


@pytest.mark.parametrize("kind", ["iterable", "async"])
def test_bad_documents_are_skipped_on_request(where: dict[str, Any], kind: str) -> None:
    given: list[Any] = [
        Document("a", "b"),
        "no document",
        Document("c", "d", {"what": float("nan")}),
        Document("e", "f", {"what": lambda: None}),  # nor can it be sent to a process
        Document("g", "h"),
    ]

    async def stream() -> AsyncIterator[Document]:
        for each in given:
            yield each

    async def main() -> None:
        async with opened(where) as retriever:
            report = await retriever.upsert(
                stream() if kind == "async" else given, on_bad_document="skip"
            )
            assert report.stored == await retriever.count() == 2
            assert [each.ids for each in report.failed] == [("documents[1]",), ("c",), ("e",)]
            with pytest.raises(InvalidDocumentError, match="'e'"):
                await retriever.upsert([given[0], Document("i", "j"), given[3]])
            assert await retriever.count() == 3

    run(main())


def test_many_searches_while_documents_go_in(where: dict[str, Any]) -> None:
    async def main() -> None:
        async with opened(where) as retriever:
            await retriever.upsert(documents(64))
            more = [Document(f"more{n}", f"other{n} words") for n in range(300)]
            ingest = asyncio.create_task(retriever.upsert(more, batch_size=20))
            found = await asyncio.gather(
                *(retriever.search(f"word{n}", limit=1) for n in range(64))
            )
            assert [hits[0].id for hits in found] == [f"d{n:04}" for n in range(64)]
            assert (await ingest).stored == 300

    run(main())


def test_a_cancelled_ingest_tells_what_it_stored_and_harms_nothing(where: dict[str, Any]) -> None:
    async def main() -> None:
        begun, never = asyncio.Event(), asyncio.Event()

        async def stream() -> AsyncIterator[Document]:
            for document in documents(20):
                yield document
            begun.set()
            await never.wait()

        async with opened(where) as retriever:
            ingest = asyncio.create_task(retriever.upsert(stream(), batch_size=5))
            await begun.wait()
            ingest.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await ingest
            report = raised.value.report  # type: ignore[attr-defined]
            assert report.stored == await retriever.count()
            assert (await retriever.upsert(documents())).stored == 30 - report.stored

    run(main())


def test_closed_it_says_so(where: dict[str, Any]) -> None:
    async def main() -> None:
        retriever = opened(where)
        await retriever.upsert(documents(3))
        await retriever.close()
        await retriever.close()
        with pytest.raises(EngineClosedError, match="make a new AsyncRetriever"):
            await retriever.search("word1")

    run(main())


def test_what_is_stored_is_there_for_a_retriever(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened({"path": tmp_path}) as retriever:
            await retriever.upsert(documents())

    run(main())
    with Retriever(path=tmp_path, encoder=WordEncoder()) as retriever:
        assert retriever.search("word9", limit=1)[0].id == "d0009"


class TestTheWorkerProcess:
    def test_the_loop_runs_on_while_documents_go_in(self, tmp_path: Path) -> None:
        """The embedded engine would hold the interpreter for most of an ingest."""

        async def main() -> tuple[int, set[int]]:
            beats, threads = 0, {threading.get_ident()}

            async def heart() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(0)
                    beats += 1
                    threads.add(threading.get_ident())

            async with opened({"path": tmp_path}) as retriever:
                await retriever.upsert(documents(1))
                beating = asyncio.create_task(heart())
                await retriever.upsert(documents(3_000), batch_size=500)
                beating.cancel()
                assert await retriever.count() == 3_000
            return beats, threads

        beats, threads = run(main())
        assert beats > 100  # for 6 batches; not once would it come in between calls of the engine
        assert len(threads) == 1

    def test_its_death_is_told_and_the_next_call_begins_another(self, tmp_path: Path) -> None:
        async def main() -> None:
            async with opened({"path": tmp_path}) as retriever:
                await retriever.upsert(documents())
                worker: Any = retriever._host._worker  # type: ignore[attr-defined]
                never = asyncio.Event()

                async def stream() -> AsyncIterator[Document]:
                    yield Document("last", "last")
                    os.kill(worker._process.pid, signal.SIGKILL)
                    await never.wait()

                with pytest.raises(EngineError, match="was killed by signal 9"):
                    await retriever.upsert(stream())
                assert await retriever.count() == 30
                assert (await retriever.search("word3", limit=1))[0].id == "d0003"

        run(main())

    def test_an_encoder_that_cannot_be_sent_is_refused(self, tmp_path: Path) -> None:
        class Local(WordEncoder):
            """Of a function, which pickle does not find again."""

        async def main() -> None:
            async with opened({"path": tmp_path}, encoder=Local()) as retriever:
                with pytest.raises(ConfigError, match="an encoder needs a __reduce__"):
                    await retriever.upsert(documents(1))

        run(main())

    def test_warnings_arrive_where_it_was_called(self, tmp_path: Path) -> None:
        async def main() -> None:
            async with opened({"path": tmp_path}, encoder=Warning_()) as retriever:
                with warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")
                    await retriever.upsert(documents(1))
                    await retriever.count()
                    assert any("shortened" in str(each.message) for each in told)
                    assert all(each.filename == __file__ for each in told)

        run(main())


class Warning_(WordEncoder):  # noqa: N801 - a WordEncoder that warns
    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        warnings.warn("a text was shortened", UserWarning, stacklevel=2)
        return super().encode_texts(texts, side=side, options=options)
