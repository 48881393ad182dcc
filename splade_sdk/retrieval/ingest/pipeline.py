"""Processes items in a background thread, while the caller prepares the next ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Pipeline"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pipeline(Generic[Item, Result]):
    """One item after the other, in order; results come back in the caller's thread.

    What ``work`` raises is raised by the next ``put`` or on leaving the block, and no later item is
    started. If the caller's own block raises an Exception, the items put before are finished first;
    a KeyboardInterrupt finishes only the current one. No thread is left behind.

    Args:
        work: Called in the background thread.
        done: Called in the caller's thread with each item and its result, in order.
        waiting: Most unfinished items, the current one included, before ``put`` waits.

    Attributes:
        unfinished: Items that may not be finished yet, the oldest first, with their results.
    """

    def __init__(
        self,
        work: Callable[[Item], Result],
        done: Callable[[Item, Result], None],
        *,
        waiting: int = 2,
    ) -> None:
        self._work = work
        self._done = done
        self._waiting = waiting
        self.unfinished: deque[tuple[Item, Future[Result]]] = deque()
        self._broken = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="splade-ingest")

    def put(self, item: Item, *, cheap: bool = False) -> None:
        """Hand over an item; waits for the oldest one while too many are unfinished.

        Args:
            item: Argument of ``work``.
            cheap: Whether preparing it took hardly any time. The background thread then gains
                nothing, and if no item is unfinished, this one is processed in the caller's thread.
        """
        while self.unfinished and (
            len(self.unfinished) >= self._waiting or self.unfinished[0][1].done()
        ):
            self._settle()
        if cheap and not self.unfinished:
            self._done(item, self._run(item))
        else:
            self.unfinished.append((item, self._thread.submit(self._run, item)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None or (issubclass(kind, Exception) and not self._broken):
                while self.unfinished:
                    self._settle()
            # Cancel items not started; report the others' results, ignoring errors.
            started: deque[tuple[Item, Future[Result]]] = deque()
            for each in self.unfinished:
                if not each[1].cancel():
                    started.append(each)
            self.unfinished = started
            while self.unfinished:
                with suppress(Exception, CancelledError):
                    self._settle()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)

    def _settle(self) -> None:
        item, future = self.unfinished.popleft()
        self._done(item, future.result())

    def _run(self, item: Item) -> Result:
        if self._broken:
            raise CancelledError
        try:
            return self._work(item)
        except BaseException:
            self._broken = True
            raise
