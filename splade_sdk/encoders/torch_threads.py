"""Which thread torch's CPU work runs in, so that it keeps its speed outside the main thread.

Torch's OpenMP keeps a team of workers for each thread that has computed something. Once all teams
together outnumber the cores, workers no longer spin between two operations but sleep, and waking
them costs more than many an operation of a small model. So weights are loaded in a thread whose
team ends with it, and all threads but the main one share one thread to encode in.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

__all__ = ["in_one_thread", "in_passing_thread"]

_T = TypeVar("_T")


def in_one_thread(work: Callable[[], _T]) -> _T:
    """Return the result of ``work``, run here in the main thread, else in a thread that all share.

    It uses as many threads as torch was told to use here.
    """
    if threading.current_thread() is threading.main_thread():
        return work()
    threads = torch.get_num_threads()

    def told() -> _T:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        return work()

    return _shared(os.getpid()).submit(told).result()


def in_passing_thread(work: Callable[[], _T]) -> _T:
    """Return the result of ``work``, run in a thread that then ends."""
    with ThreadPoolExecutor(1, "splade-load") as passing:
        return passing.submit(work).result()


@lru_cache(maxsize=1)
def _shared(process: int) -> ThreadPoolExecutor:
    """Return the thread of a process; a forked one needs its own."""
    del process
    return ThreadPoolExecutor(1, "splade-encode")
