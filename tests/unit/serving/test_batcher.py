from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import pytest

from splade_sdk.errors import EngineClosedError, RateLimitedError
from splade_sdk.serving.batcher import Batcher, Kind, Vectors
from splade_sdk.types import HybridBatch, SparseBatch
from tests.serving import wait_for
from tests.unit.fakes import WordEncoder
from tests.unit.serving.conftest import Dense, Gated

DOCUMENT = Kind("document")
QUERY = Kind("query")


class Queue:
    """A batcher over an encoder whose gate the test opens."""

    def __init__(self, gated: Gated, **limits: Any) -> None:
        self.encoder = gated
        self.told: list[tuple[Kind, int]] = []
        given = {"max_texts": 4, "max_characters": 1000, "max_waiting": 100, **limits}
        self.batcher = Batcher(
            lambda kind, texts: gated.encode_document(texts),
            done=lambda kind, texts, seconds: self.told.append((kind, texts)),
            **given,
        )

    def submit(self, *texts: str, kind: Kind = DOCUMENT) -> Future[Vectors]:
        return self.batcher.submit(kind, texts)

    def block(self) -> Future[Vectors]:
        """Keep the thread busy with one text, so that what comes after waits."""
        first = self.submit("first")
        assert self.encoder.begun.wait(30)
        return first

    def encode_two(self) -> None:
        """Have a batch of two requests encoded, with the gate open from then on."""
        self.block()
        together = [self.submit("a"), self.submit("b")]
        self.encoder.gate.set()
        for future in together:
            future.result(30)

    def open(self) -> list[list[str]]:
        """Let everything be encoded, and return the batches after the first."""
        self.encoder.gate.set()
        self.batcher.close()
        return self.encoder.calls[1:]


@pytest.fixture
def queue(gated: Gated) -> Iterator[Queue]:
    made = Queue(gated)
    yield made
    made.open()


def test_each_request_gets_its_own_rows(queue: Queue) -> None:
    queue.block()
    asked = [("a", "b b"), ("c",), ("d d d",), ("e", "f", "g", "h", "i")]
    futures = [queue.submit(*texts) for texts in asked]
    queue.open()
    for texts, future in zip(asked, futures, strict=True):
        assert future.result() == WordEncoder("gated").encode_document(texts)


def test_what_waits_is_encoded_together_up_to_the_bound(queue: Queue) -> None:
    queue.block()
    for texts in (("a", "b"), ("c",), ("d", "e"), ("f",), ("g",)):
        queue.submit(*texts)
    # 2 + 1 texts fit into 4, with the next 2 it would be 5; then 2 + 1 + 1 = 4
    assert queue.open() == [["a", "b", "c"], ["d", "e", "f", "g"]]
    assert queue.told == [(DOCUMENT, 1), (DOCUMENT, 3), (DOCUMENT, 4)]


def test_characters_are_bounded_too(gated: Gated) -> None:
    queue = Queue(gated, max_characters=10)
    queue.block()
    for text in ("12345", "1234", "12", "x" * 50, "1"):
        queue.submit(text)
    # 5 + 4 = 9, with 2 more it would be 11; a text beyond the bound goes alone
    assert queue.open() == [["12345", "1234"], ["12"], ["x" * 50], ["1"]]


def test_a_request_is_never_split(queue: Queue) -> None:
    queue.block()
    queue.submit("a")
    queue.submit(*"bcdefg")
    queue.submit("h")
    assert queue.open() == [["a"], list("bcdefg"), ["h"]]


def test_the_oldest_goes_first_and_kinds_do_not_mix(queue: Queue) -> None:
    queue.block()
    queue.submit("d1")
    queue.submit("q1", kind=QUERY)
    queue.submit("d2")
    queue.submit("q2", kind=QUERY)
    queue.submit("q3", kind=Kind("query", dense=True))
    assert queue.open() == [["d1", "d2"], ["q1", "q2"], ["q3"]]


def test_a_small_request_does_not_overtake_a_large_one_of_its_kind(queue: Queue) -> None:
    queue.block()
    queue.submit("a", "b")
    queue.submit("c", "d", "e")
    queue.submit("f")
    assert queue.open() == [["a", "b"], ["c", "d", "e", "f"]]


def test_an_error_reaches_only_the_request_it_belongs_to(queue: Queue) -> None:
    queue.block()
    good, bad, other = queue.submit("a"), queue.submit("poison"), queue.submit("b")
    queue.open()
    with pytest.raises(RuntimeError, match="broken by the text"):
        bad.result()
    encoder = WordEncoder("gated")
    assert good.result() == encoder.encode_document(["a"])
    assert other.result() == encoder.encode_document(["b"])


def test_the_thread_lives_on_after_an_error(queue: Queue) -> None:
    queue.encoder.gate.set()
    with pytest.raises(RuntimeError):
        queue.submit("poison").result(30)
    assert queue.submit("a").result(30) == WordEncoder("gated").encode_document(["a"])


def test_a_cancelled_request_is_not_encoded(queue: Queue) -> None:
    first = queue.block()
    cancelled = [queue.submit("a"), queue.submit("c")]
    kept = queue.submit("b")
    assert all(future.cancel() for future in cancelled)
    assert not first.cancel()  # too late
    assert queue.open() == [["b"]]
    assert kept.done()
    with pytest.raises(CancelledError):
        cancelled[0].result()


def test_it_goes_on_when_all_that_waited_is_cancelled(queue: Queue) -> None:
    queue.block()
    queue.submit("a").cancel()
    queue.encoder.gate.set()
    wait_for(lambda: queue.batcher.waiting == 0)
    assert queue.submit("b").result(30) == WordEncoder("gated").encode_document(["b"])


def test_only_so_many_texts_wait(gated: Gated) -> None:
    queue = Queue(gated, max_waiting=3, retry_after_s=7.0)
    queue.block()
    queue.submit("a", "b")
    with pytest.raises(RateLimitedError, match="2 texts wait already, at most 3") as raised:
        queue.submit("c", "d")
    assert raised.value.retry_after_s == 7.0
    queue.submit("c")
    assert queue.batcher.waiting == 3
    queue.open()
    assert queue.batcher.waiting == 0


def test_a_request_beyond_the_bound_is_taken_when_nothing_waits(gated: Gated) -> None:
    queue = Queue(gated, max_waiting=3)
    gated.gate.set()
    assert len(queue.submit(*"abcdef").result(30)) == 6
    queue.open()


def test_closing_encodes_what_waits_and_takes_no_more(queue: Queue) -> None:
    queue.block()
    waiting = queue.submit("a")
    closing = threading.Thread(target=queue.batcher.close)
    closing.start()
    wait_for(lambda: queue.batcher._closed)
    with pytest.raises(EngineClosedError, match="stopping"):
        queue.submit("b")
    queue.encoder.gate.set()
    closing.join(30)
    assert not closing.is_alive()
    assert waiting.result(0) == WordEncoder("gated").encode_document(["a"])
    queue.batcher.close()  # harmless


def test_closing_what_never_worked() -> None:
    encode = lambda kind, texts: SparseBatch.empty(1)  # noqa: E731
    Batcher(encode, max_texts=1, max_characters=1, max_waiting=1).close()


def test_dense_rows_go_with_the_sparse_ones() -> None:
    batcher = Batcher(
        lambda kind, texts: Dense().encode_query(texts, dense=kind.dense),
        max_texts=9,
        max_characters=99,
        max_waiting=9,
    )
    kind = Kind("query", dense=True)
    futures = [batcher.submit(kind, texts) for texts in (["a", "bb"], ["ccc"])]
    first, second = (future.result(30) for future in futures)
    batcher.close()
    assert isinstance(first, HybridBatch)
    assert isinstance(second, HybridBatch)
    assert first.dense.tolist() == [[1.0, 1.0], [1.0, 2.0]]
    assert second.dense.tolist() == [[1.0, 3.0]]
    assert second.sparse == WordEncoder().encode_document(["ccc"])


def test_many_threads_at_once() -> None:
    encoder = WordEncoder()
    batcher = Batcher(
        lambda kind, texts: encoder.encode_document(texts),
        max_texts=16,
        max_characters=10_000,
        max_waiting=10_000,
    )

    def ask(n: int) -> bool:
        texts = [f"text {n} {at}" for at in range(n % 5 + 1)]
        return batcher.submit(DOCUMENT, texts).result(30) == WordEncoder().encode_document(texts)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))
    batcher.close()
    assert max(map(len, encoder.calls)) <= 16
    assert sum(map(len, encoder.calls)) == sum(n % 5 + 1 for n in range(400))


def test_after_a_batch_of_several_the_next_waits_for_as_many(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_sdk.serving.batcher._PATIENCE", 1e6)
    queue = Queue(gated)
    queue.encode_two()
    first = queue.submit("c")
    with pytest.raises(TimeoutError):
        first.result(0.1)
    queue.submit("d").result(30)
    assert queue.open() == [["a", "b"], ["c", "d"]]


def test_the_wait_for_company_ends(queue: Queue) -> None:
    queue.encode_two()
    queue.submit("c").result(30)
    queue.submit("d").result(30)
    assert queue.open() == [["a", "b"], ["c"], ["d"]]


def test_closing_does_not_wait_for_company(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_sdk.serving.batcher._PATIENCE", 1e6)
    queue = Queue(gated)
    queue.encode_two()
    last = queue.submit("c")
    assert queue.open() == [["a", "b"], ["c"]]
    assert len(last.result(0)) == 1
