"""The retry policy on a clock of its own: no test waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from splade_sdk.errors import (
    ConfigError,
    EngineConnectionError,
    EngineError,
    RateLimitedError,
    RequestRejectedError,
)
from splade_sdk.retry import AsyncRetryPolicy, RetryPolicy, RetrySettings


class Clock:
    """Goes on when somebody sleeps, and by ``a_try_s`` with each call that is tried."""

    def __init__(self, a_try_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []
        self.a_try_s = a_try_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


def run(
    clock: Clock, errors: list[Exception], **settings: Any
) -> tuple[Callable[[], str], list[int]]:
    """Return a call under the policy that fails with each error in turn, and then succeeds."""
    policy = RetryPolicy(RetrySettings(**settings), sleep=clock.sleep, clock=lambda: clock.now_s)
    left, calls = list(errors), [0]

    def call() -> str:
        calls[0] += 1
        clock.now_s += clock.a_try_s
        if left:
            raise left.pop(0)
        return "done"

    return lambda: policy(call), calls


def failure(retryable: Any = "often", kind: type[EngineError] = EngineConnectionError) -> Any:
    made = kind("the server is away")
    made.retryable = retryable
    return made


def limited(retry_after_s: float | None) -> RateLimitedError:
    made = RateLimitedError("slow down", retry_after_s)
    made.retryable = "often"
    return made


def test_it_succeeds_when_the_server_is_back() -> None:
    clock = Clock()
    call, calls = run(clock, [failure(), failure()])
    assert call() == "done"
    assert calls == [3]
    assert len(clock.slept_s) == 2


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (failure("often"), 6),
        (failure("few"), 3),
        (failure("never", RequestRejectedError), 1),
        (ValueError("not an engine's"), 1),
    ],
)
def test_how_often_it_is_tried(error: Exception, attempts: int) -> None:
    call, calls = run(Clock(), [error] * 10)
    with pytest.raises(type(error)):
        call()
    assert calls == [attempts]


def test_few_is_never_more_than_all() -> None:
    call, calls = run(Clock(), [failure("few")] * 10, attempts=2)
    with pytest.raises(EngineError):
        call()
    assert calls == [2]


def test_other_failures_do_not_count_among_the_few() -> None:
    mixed = [failure("often"), failure("few"), failure("often"), failure("few")]
    call, calls = run(Clock(), mixed)
    assert call() == "done"
    assert calls == [5]


def test_the_error_says_how_often_and_how_long() -> None:
    call, _ = run(Clock(a_try_s=2.0), [failure() for _ in range(9)], attempts=3, first_wait_s=0)
    with pytest.raises(EngineConnectionError) as raised:
        call()
    assert str(raised.value) == "the server is away; tried 3 times in 6.0 s"  # 3 tries of 2 s


def test_a_first_failure_for_good_keeps_its_message() -> None:
    call, _ = run(Clock(), [failure("never")])
    with pytest.raises(EngineConnectionError) as raised:
        call()
    assert str(raised.value) == "the server is away"


def test_an_error_for_good_after_a_retry_ends_it() -> None:
    call, calls = run(Clock(), [failure(), failure("never", RequestRejectedError), failure()])
    with pytest.raises(RequestRejectedError, match="tried 2 times"):
        call()
    assert calls == [2]


def test_waits_are_drawn_from_a_window_that_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        windows.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", draw)
    clock = Clock()
    call, _ = run(clock, [failure() for _ in range(5)], first_wait_s=1, max_wait_s=5, total_s=100)
    call()
    assert windows == [(0, 1), (0, 2), (0, 4), (0, 5), (0, 5)]  # 1, 2, 4, then at most 5
    assert clock.slept_s == [1, 2, 4, 5, 5]


def test_no_wait_ends_after_the_total_time() -> None:
    # Waits of 0 and tries of 3 s: after 3, 6 and 9 s there is time for one more, after 12 s not.
    clock = Clock(a_try_s=3.0)
    call, calls = run(
        clock, [failure() for _ in range(99)], attempts=99, first_wait_s=0, total_s=10
    )
    with pytest.raises(EngineConnectionError, match=r"tried 4 times in 12\.0 s"):
        call()
    assert calls == [4]


def test_the_server_is_given_the_time_it_asks_for() -> None:
    clock = Clock()
    call, _ = run(clock, [limited(7.0), limited(None)], first_wait_s=0.5)
    assert call() == "done"
    first, second = clock.slept_s
    assert 7.0 <= first <= 7.5  # what it asked for, and a jitter of at most the first wait
    assert second <= 1.0  # it did not say: the second window


@pytest.mark.parametrize(
    ("asked_s", "settings"),
    [(60.1, {"max_retry_after_s": 60}), (11.0, {"total_s": 10})],
)
def test_a_time_beyond_the_bounds_is_not_waited_for(
    asked_s: float, settings: dict[str, float]
) -> None:
    clock = Clock()
    call, calls = run(clock, [limited(asked_s)], **settings)
    with pytest.raises(RateLimitedError) as raised:
        call()
    assert raised.value.retry_after_s == asked_s
    assert calls == [1]
    assert clock.slept_s == []


def test_a_negative_time_is_none() -> None:
    clock = Clock()
    call, _ = run(clock, [limited(-5.0)], first_wait_s=0)
    call()
    assert clock.slept_s == [0.0]


def test_interrupts_are_not_retried() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RetryPolicy(RetrySettings())(interrupted)


@pytest.mark.parametrize(
    "given",
    [{"attempts": 0}, {"first_wait_s": -1}, {"total_s": float("inf")}, {"backoff": 2}],
)
def test_settings_that_make_no_sense(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        RetrySettings(**given)


class AsyncClock(Clock):
    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


def run_async(clock: AsyncClock, errors: list[Exception], **settings: Any) -> tuple[Any, list[int]]:
    """The same as ``run``, for a coroutine under the asynchronous policy."""
    policy = AsyncRetryPolicy(
        RetrySettings(**settings), sleep=clock.asleep, clock=lambda: clock.now_s
    )
    left, calls = list(errors), [0]

    async def call() -> str:
        calls[0] += 1
        clock.now_s += clock.a_try_s
        if left:
            raise left.pop(0)
        return "done"

    return lambda: asyncio.run(policy(call)), calls


def test_coroutines_are_tried_by_the_same_rules() -> None:
    clock = AsyncClock()
    call, calls = run_async(clock, [failure(), limited(7.0)], first_wait_s=0)
    assert call() == "done"
    assert calls == [3]
    assert clock.slept_s == [0.0, 7.0]  # no jitter of its own, then what the server asked for


def test_a_coroutines_error_says_how_often_and_how_long() -> None:
    call, calls = run_async(
        AsyncClock(a_try_s=2.0), [failure("few") for _ in range(9)], first_wait_s=0
    )
    with pytest.raises(EngineConnectionError, match=r"tried 3 times in 6\.0 s"):  # 3 tries of 2 s
        call()
    assert calls == [3]


def test_a_coroutines_failure_for_good_is_not_tried_again() -> None:
    call, calls = run_async(AsyncClock(), [failure("never", RequestRejectedError)])
    with pytest.raises(RequestRejectedError):
        call()
    assert calls == [1]
