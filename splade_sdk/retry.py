"""The one policy for trying a call of a server again, Qdrant's or an encoding service's.

It acts on our errors: how often one is worth another try is written down where it is made, as its
``retryable``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import Field
from tenacity import (
    AsyncRetrying,
    BaseRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_random_exponential,
)

from splade_sdk.config import Settings
from splade_sdk.errors import EngineError, RateLimitedError

__all__ = ["DEFAULT_RETRY", "FEW_ATTEMPTS", "AsyncRetryPolicy", "RetryPolicy", "RetrySettings"]

T = TypeVar("T")

FEW_ATTEMPTS = 3
"""How many errors that another try seldom cures, such as status 500, end the trying."""


class RetrySettings(Settings):
    """How a call that failed is tried again.

    The n-th wait is drawn evenly from [0, min(max_wait_s, first_wait_s * 2^(n-1))] (full jitter,
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), after what the
    server itself asked to wait.

    Attributes:
        attempts: Tries in all, the first included.
        first_wait_s: Longest wait after the first try, in seconds.
        max_wait_s: Longest wait after any try, in seconds.
        total_s: No wait ends later than so many seconds after the start of the first try. A try
            that runs is not cut short: that is for the timeout of the connection.
        max_retry_after_s: Longest wait, in seconds, that a server may ask for; when it asks for
            more, the error is raised at once.
    """

    attempts: int = Field(default=6, ge=1)
    first_wait_s: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    max_wait_s: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    total_s: float = Field(default=120.0, ge=0, allow_inf_nan=False)
    max_retry_after_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)


DEFAULT_RETRY = RetrySettings()


class RetryPolicy:
    """Calls a function until it succeeds, fails for good, or enough was tried.

    Args:
        settings: How often and how long.
        sleep: Waits a number of seconds.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        settings: RetrySettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._clock = clock

    def __call__(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns.

        Args:
            call: What to try; carried out twice it must do no more than carried out once.

        Raises:
            EngineError: the last one, which says how often and how long it was tried.
        """
        rules = _Rules(self._settings, self._clock)
        retrying = Retrying(
            sleep=self._sleep,
            retry=rules.worth_it,
            wait=rules.wait_s,
            stop=rules.give_up,
            reraise=True,
        )
        try:
            return retrying(call)
        except EngineError as error:
            rules.tell(error, retrying)
            raise


class AsyncRetryPolicy:
    """``RetryPolicy`` for coroutines; waits without blocking the event loop.

    Args:
        settings: How often and how long.
        sleep: Waits a number of seconds.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        settings: RetrySettings,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._clock = clock

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what awaiting ``call()`` returns; arguments and errors are RetryPolicy's."""
        rules = _Rules(self._settings, self._clock)
        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=rules.worth_it,
            wait=rules.wait_s,
            stop=rules.give_up,
            reraise=True,
        )

        async def attempt() -> T:
            return await call()

        try:
            return await retrying(attempt)
        except EngineError as error:
            rules.tell(error, retrying)
            raise


class _Rules:
    """What is tried again, and when: the decisions about one call, from now on."""

    worth_it = retry_if_exception(
        lambda error: isinstance(error, EngineError) and error.retryable != "never"
    )

    def __init__(self, settings: RetrySettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._started = clock()
        self._doubtful = 0
        self._backoff = wait_random_exponential(
            multiplier=settings.first_wait_s, max=settings.max_wait_s
        )

    def wait_s(self, state: RetryCallState) -> float:
        """Return the seconds to wait: what the server asks for, and a jitter."""
        return _asked_s(_error(state)) + self._backoff(state)

    def give_up(self, state: RetryCallState) -> bool:
        """Return whether enough was tried."""
        error = _error(state)
        if error is not None and error.retryable == "few":
            self._doubtful += 1
        return (
            state.attempt_number >= self._settings.attempts
            or self._doubtful >= FEW_ATTEMPTS
            or _asked_s(error) > self._settings.max_retry_after_s
            or self._clock() - self._started + state.upcoming_sleep > self._settings.total_s
        )

    def tell(self, error: EngineError, retrying: BaseRetrying) -> None:
        """Let the error say how often and how long the call was tried."""
        if (attempts := retrying.statistics["attempt_number"]) > 1:
            elapsed_s = self._clock() - self._started
            error.args = (f"{error}; tried {attempts} times in {elapsed_s:.1f} s",)


def _error(state: RetryCallState) -> EngineError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, EngineError) else None


def _asked_s(error: EngineError | None) -> float:
    """Return the seconds that the server asked to wait."""
    asked_s = error.retry_after_s if isinstance(error, RateLimitedError) else None
    return max(0.0, asked_s or 0.0)
