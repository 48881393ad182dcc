"""Run by test_fork.py in a process of its own: forks with an open collection, and goes on.

Usage: forking.py ENDING PLACE WORK_FOLDER TIMES, where PLACE is path, memory or multiprocessing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from splade_sdk import Bm25Encoder, Document, Retriever
from splade_sdk.errors import ForkedProcessError


def opened(path: Path | None) -> Retriever:
    place: dict[str, Any] = {"url": ":memory:"} if path is None else {"path": path}
    return Retriever(**place, encoder=Bm25Encoder(), dense_encoder=False)


def documents(start: int, end: int) -> list[Document]:
    return [Document(str(i), f"text number {i} about heart {i % 7}") for i in range(start, end)]


def ends(_: Retriever) -> None:
    pass


def raises(_: Retriever) -> None:
    raise RuntimeError("in the child")


def leaves_with(retriever: Retriever) -> None:
    with retriever:
        pass


def closes(retriever: Retriever) -> None:
    retriever.close()


def forks_again(_: Retriever) -> None:
    if (child := os.fork()) > 0:
        os.waitpid(child, 0)


def opens_its_own(_: Retriever) -> None:
    with opened(None) as own:
        own.upsert(documents(0, 10))
        if own.count() != 10:
            os._exit(9)


def is_refused(retriever: Retriever) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: retriever.upsert(documents(0, 3)),
        lambda: retriever.upsert(documents(0, 3), skip_unchanged=False),
        lambda: retriever.search("heart"),
        lambda: retriever.delete(["1"]),
        retriever.count,
        retriever.optimize,
    ]
    for at, call in enumerate(calls):
        try:
            call()
        except ForkedProcessError:
            continue
        os._exit(10 + at)


ENDINGS = {
    each.__name__: each
    for each in (ends, raises, leaves_with, closes, forks_again, opens_its_own, is_refused)
}


def run(ending: Callable[[Retriever], None], place: str, work: Path) -> None:
    path = None if place == "memory" else work / "index"
    retriever = opened(path)
    retriever.upsert(documents(0, 500))
    if place == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=ending, args=(retriever,))
        process.start()
        process.join()
        code = process.exitcode
    else:
        child = os.fork()
        if child == 0:
            ending(retriever)
            sys.exit(0)  # with all that the interpreter takes down
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != (1 if ending is raises else 0):
        raise SystemExit(f"the child ended with {code}")
    for start in (500, 1000):
        report = retriever.upsert(documents(start, start + 500))
        if report.failed:
            raise SystemExit(f"failed: {report.failed}")
        retriever.optimize()
    if retriever.count() != 1500:
        raise SystemExit(f"{retriever.count()} documents, not 1500")
    retriever.close()
    if path is None:
        if left := list(work.glob("splade-sdk-*")):
            raise SystemExit(f"left behind: {left}")
        return
    with opened(path) as again:
        if again.count() != 1500:
            raise SystemExit(f"{again.count()} documents after opening, not 1500")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    ending, place, work, times = sys.argv[1:]
    tempfile.tempdir = work
    for _ in range(int(times)):
        # No context manager: the child, too, would remove the folder on its way out.
        run(ENDINGS[ending], place, Path(work if place == "memory" else tempfile.mkdtemp()))
