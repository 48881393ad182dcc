from __future__ import annotations

import threading

import pytest

from splade_sdk.retrieval.ingest.pipeline import Pipeline


def alive() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("splade-ingest")]


def test_results_come_in_order_and_no_thread_is_left() -> None:
    told: list[tuple[int, int]] = []
    with Pipeline(lambda n: n * n, lambda item, made: told.append((item, made))) as pipeline:
        for n in range(20):
            pipeline.put(n)
    assert told == [(n, n * n) for n in range(20)]
    assert alive() == []


def test_the_caller_prepares_while_an_item_is_worked_on() -> None:
    prepared = threading.Event()
    # The work waits for what the caller does after the put: without a thread this would time out.
    told: list[bool] = []
    with Pipeline(lambda _: prepared.wait(30), lambda _, made: told.append(made)) as pipeline:
        pipeline.put(0)
        prepared.set()
    assert told == [True]


def test_put_waits_while_too_many_are_in_hand() -> None:
    begun: list[int] = []
    settled: list[int] = []
    gate = threading.Semaphore(0)

    def work(n: int) -> None:
        gate.acquire()
        begun.append(n)

    with Pipeline(work, lambda n, _: settled.append(n), waiting=2) as pipeline:
        pipeline.put(0)
        pipeline.put(1)
        assert [item for item, _ in pipeline.unfinished] == [0, 1]
        gate.release(3)
        pipeline.put(2)  # waits for 0
        assert settled[0] == 0
        assert len([item for item, _ in pipeline.unfinished]) <= 2
    assert settled == begun == [0, 1, 2]


def test_what_the_work_raises_arrives_and_nothing_later_is_begun() -> None:
    begun: list[int] = []

    def work(n: int) -> None:
        begun.append(n)
        if n == 1:
            raise ValueError("no")

    def fill() -> None:
        with Pipeline(work, lambda *_: None) as pipeline:
            for n in range(10):
                pipeline.put(n)

    with pytest.raises(ValueError, match="no"):
        fill()
    assert begun == [0, 1]
    assert alive() == []


def test_an_error_of_the_caller_finishes_what_was_put() -> None:
    worked: list[int] = []

    def fill() -> None:
        with Pipeline(worked.append, lambda *_: None) as pipeline:
            pipeline.put(0)
            pipeline.put(1)
            raise LookupError

    with pytest.raises(LookupError):
        fill()
    assert worked == [0, 1]
    assert alive() == []


def test_ctrl_c_finishes_only_the_item_being_worked_on() -> None:
    begun = threading.Event()
    gate = threading.Event()
    worked: list[int] = []

    def work(n: int) -> None:
        begun.set()
        gate.wait(30)
        worked.append(n)

    def fill() -> None:
        with Pipeline(work, lambda *_: None) as pipeline:
            pipeline.put(0)
            pipeline.put(1)
            begun.wait(30)
            threading.Timer(0.05, gate.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert worked == [0]
    assert alive() == []


def test_what_was_cheap_to_prepare_is_done_in_the_callers_thread() -> None:
    where: list[threading.Thread] = []
    with Pipeline(lambda _: where.append(threading.current_thread()), lambda *_: None) as pipeline:
        pipeline.put(0, cheap=True)
    assert where == [threading.current_thread()]
