"""``sync`` under attack: streams that break, ids that come twice, others who write meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from splade_sdk import Document, Retriever
from splade_sdk.types import IngestReport
from tests.unit.fakes import WordEncoder


class StreamError(Exception):
    pass


def text_of(retriever: Retriever) -> dict[str, str]:
    return {each.id: each.text for each in retriever.documents()}


@pytest.fixture
def retriever(tmp_path: Path) -> Iterator[Retriever]:
    with Retriever(path=tmp_path / "index", encoder=WordEncoder()) as made:
        yield made


@pytest.mark.parametrize("seed", range(8))
def test_a_random_stream_that_may_break(retriever: Retriever, seed: int) -> None:
    chance = random.Random(seed)
    stored: dict[str, str] = {}
    for generation in range(6):
        stream = [
            Document(f"d{chance.randrange(12)}", f"text {generation} {chance.randrange(3)}")
            for _ in range(chance.randrange(1, 20))
        ]
        breaks_at = chance.randrange(len(stream)) if chance.random() < 0.5 else None

        def documents(
            stream: list[Document] = stream, breaks_at: int | None = breaks_at
        ) -> Iterator[Document]:
            for at, document in enumerate(stream):
                if at == breaks_at:
                    raise StreamError
                yield document

        batch_size = chance.choice([1, 2, 5, 100])
        if breaks_at is None:
            report = retriever.sync(documents(), batch_size=batch_size)
            wanted = {each.id: each.text for each in stream}  # of equal ids the last
            assert text_of(retriever) == wanted
            assert report.deleted == len(stored.keys() - wanted.keys())
            assert report.failed == ()
            stored = wanted
            continue
        if generation == 0:
            retriever.upsert([])  # so that there is a collection to look into
        with pytest.raises(StreamError) as raised:
            retriever.sync(documents(), batch_size=batch_size)
        now = text_of(retriever)
        # Nothing is gone; what was read is stored up to the last whole batch, in order.
        assert now.keys() >= stored.keys()
        versions: dict[str, set[str]] = {}
        for each in stream[:breaks_at]:
            versions.setdefault(each.id, set()).add(each.text)
        for each, text in now.items():
            assert text == stored.get(each) or text in versions[each]
        report = getattr(raised.value, "report", IngestReport())
        assert report.deleted == 0
        changed = {each for each, text in now.items() if stored.get(each) != text}
        assert report.stored >= len(changed)
        stored = now


def test_while_others_write_and_delete(retriever: Retriever) -> None:
    """Others may lose what they store meanwhile; what is synced is there, whole."""
    wanted = {f"d{n}": f"text {n}" for n in range(300)}
    retriever.upsert(Document(f"old{n}", "old") for n in range(300))
    stop, errors = threading.Event(), list[BaseException]()

    def work(at: int) -> None:
        chance = random.Random(at)
        try:
            while not stop.is_set():
                theirs = [
                    Document(f"theirs{at}-{chance.randrange(50)}", "their text"),
                    Document(f"d{chance.randrange(300)}", "their text"),
                ]
                retriever.upsert(theirs, batch_size=1)
                retriever.delete(f"old{chance.randrange(300)}")
                retriever.search("old text", limit=5)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            report = retriever.sync(
                (Document(each, text) for each, text in wanted.items()), batch_size=16
            )
            assert report.failed == ()
            now = text_of(retriever)
            assert wanted.keys() <= now.keys()
            assert not [each for each in now if each.startswith("old")]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []
    retriever.sync(Document(each, text) for each, text in wanted.items())
    assert text_of(retriever) == wanted  # alone, it is exact


def test_a_stream_made_from_the_collection_itself(retriever: Retriever) -> None:
    retriever.upsert(Document(f"d{n:03}", f"text {n}") for n in range(100))
    kept = (each for each in retriever.documents(batch_size=7) if int(each.id[1:]) % 2)
    report = retriever.sync(kept, batch_size=3)
    assert (report.skipped, report.stored, report.deleted) == (50, 0, 50)
    assert {int(each[1:]) % 2 for each in text_of(retriever)} == {1}
