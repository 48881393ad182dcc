"""Batcher: texts of many requests, encoded together by one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import perf_counter
from typing import Literal, NamedTuple, TypeAlias

from splade_sdk.errors import EngineClosedError, RateLimitedError
from splade_sdk.types import HybridBatch, SparseBatch

__all__ = ["Batcher", "Kind", "Vectors"]

# How long to wait for as many requests as the last batch had, as a share of its duration.
_PATIENCE = 0.25

Vectors: TypeAlias = SparseBatch | HybridBatch


class Kind(NamedTuple):
    """Side and outputs: texts of equal kind can be encoded together.

    Attributes:
        side: Queries or documents.
        dense: Whether dense vectors are made as well.
    """

    side: Literal["query", "document"]
    dense: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    kind: Kind
    texts: Sequence[str]
    characters: int
    future: Future[Vectors] = field(default_factory=Future)


class Batcher:
    """Encodes texts in batches: while one batch is encoded, the next one gathers.

    A request that arrives alone is encoded at once. After a batch of several requests, the next
    batch waits for as many again, for at most a quarter of the previous batch's duration: clients
    that got answers send again, and one large batch costs less than two small ones. The oldest
    request goes first, with as many later ones of the same kind as fit.

    Args:
        encode: Returns the vectors of texts, in order; called in the batcher's thread.
        max_texts: Largest number of texts in a batch; a request is never split, so one alone may
            have more.
        max_characters: Largest number of characters in a batch, in the same way.
        max_waiting: Largest number of texts that may wait.
        retry_after_s: Seconds after which a refused client may try again.
        done: Called with the kind, number of texts and seconds of each batch.
    """

    def __init__(
        self,
        encode: Callable[[Kind, list[str]], Vectors],
        *,
        max_texts: int,
        max_characters: int,
        max_waiting: int,
        retry_after_s: float = 1.0,
        done: Callable[[Kind, int, float], None] = lambda *_: None,
    ) -> None:
        self._encode = encode
        self._max_texts = max_texts
        self._max_characters = max_characters
        self._max_waiting = max_waiting
        self._retry_after_s = retry_after_s
        self._done = done
        self._jobs: deque[_Job] = deque()
        self._waiting = 0
        self._changed = Condition()
        self._expected = 0
        self._patience_s = 0.0
        self._thread: Thread | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Texts that wait."""
        return self._waiting

    def submit(self, kind: Kind, texts: Sequence[str]) -> Future[Vectors]:
        """Queue texts for encoding; returns at once.

        Args:
            kind: How to encode them.
            texts: At least one.

        Returns:
            A future of the vectors, in order. Cancelled before their turn, texts are not encoded.

        Raises:
            RateLimitedError: if too many texts wait already.
            EngineClosedError: after ``close``.
        """
        job = _Job(kind, texts, sum(map(len, texts)))
        with self._changed:
            if self._closed:
                raise EngineClosedError("the service is stopping")
            if self._waiting and self._waiting + len(texts) > self._max_waiting:
                raise RateLimitedError(
                    f"{self._waiting} texts wait already, at most {self._max_waiting} may: "
                    "try again later",
                    self._retry_after_s,
                )
            self._jobs.append(job)
            self._waiting += len(texts)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="splade-batcher", daemon=True)
                self._thread.start()
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Encode what waits, and end the thread; doing it twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            started = perf_counter()
            self._run([job for job in batch if job.future.set_running_or_notify_cancel()])
            texts = sum(len(job.texts) for job in batch)
            seconds = perf_counter() - started
            self._expected, self._patience_s = len(batch), seconds * _PATIENCE
            self._done(batch[0].kind, texts, seconds)

    def _next_batch(self) -> list[_Job]:
        """Wait for work and take it; nothing once the batcher is closed and idle."""
        with self._changed:
            if self._expected > 1:
                self._changed.wait_for(self._company, timeout=self._patience_s)
            while not (batch := self._take()) and not self._closed:
                self._changed.wait()
            return batch

    def _company(self) -> bool:
        """Whether as many requests wait as in the last batch, or a whole batch of texts."""
        many = len(self._jobs) >= self._expected or self._waiting >= self._max_texts
        return many or self._closed

    def _take(self) -> list[_Job]:
        """Take the oldest job with the younger ones of its kind that fit; drop cancelled ones."""
        batch: list[_Job] = []
        left: deque[_Job] = deque()
        texts = characters = 0
        full = False
        for job in self._jobs:
            if job.future.cancelled():
                continue
            if batch and (job.kind != batch[0].kind or full):
                left.append(job)
                continue
            texts += len(job.texts)
            characters += job.characters
            full = texts > self._max_texts or characters > self._max_characters
            if batch and full:  # from here on none of this kind: the younger do not overtake
                left.append(job)
            else:
                batch.append(job)
        self._jobs = left
        self._waiting = sum(len(job.texts) for job in left)
        return batch

    def _run(self, jobs: Sequence[_Job]) -> None:
        """Encode jobs together; where that fails, each alone, so that only the culprit fails."""
        if not jobs:
            return
        texts = [text for job in jobs for text in job.texts]
        try:
            vectors = self._encode(jobs[0].kind, texts)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the request's to raise
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
                return
            for job in jobs:
                self._run([job])
            return
        start = 0
        for job in jobs:
            job.future.set_result(_rows(vectors, start, start + len(job.texts)))
            start += len(job.texts)


def _rows(vectors: Vectors, start: int, stop: int) -> Vectors:
    if isinstance(vectors, SparseBatch):
        return vectors[start:stop]
    return HybridBatch(vectors.sparse[start:stop], vectors.dense[start:stop])
