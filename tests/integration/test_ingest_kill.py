"""An ingest that is killed again and again, and run again, ends like one that never was."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document
from tests.unit.fakes import WordEncoder

KILLS = 10
DOCUMENTS = 3_000
BATCH = 32


def stream(*, slow: bool = False) -> Iterator[Document]:
    """Documents of which some come twice, the last one to stay."""
    chance = random.Random(5)
    for number in range(DOCUMENTS):
        if slow and number % BATCH == 0:
            time.sleep(0.01)
        again = chance.random() < 0.05
        name = chance.randrange(number) if again and number else number
        words = " ".join(f"word{chance.randrange(500)}" for _ in range(12))
        yield Document(f"doc-{name}", f"{words} number{number}", {"number": number})


def run(path: Path, checkpoint: Path | None, begun: Event, *, slow: bool) -> None:
    """Run in the child: one ingest, from the beginning."""
    encoder: Any = WordEncoder()
    with Retriever(path=path, encoder=encoder) as retriever:
        begun.set()
        retriever.upsert(
            stream(slow=slow), batch_size=BATCH, checkpoint=checkpoint, show_progress_bar=False
        )


def stored(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Return all documents by id, and what some searches find."""
    encoder: Any = WordEncoder()
    with Retriever(path=path, encoder=encoder) as retriever:
        found = {each.id: each for each in retriever.documents(with_vectors=True)}
        hits = retriever.search_batch([f"word{n}" for n in range(0, 500, 50)], limit=50)
        return found, [[(hit.id, hit.score) for hit in each] for each in hits]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill -9")
@pytest.mark.parametrize("resumed", [False, True], ids=["again", "checkpoint"])
def test_a_killed_ingest_run_again_equals_the_uninterrupted_one(
    tmp_path: Path, resumed: bool
) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["splade_sdk.qdrant.embedded", "tests.unit.fakes"])
    chance = random.Random()
    checkpoint = tmp_path / "done.jsonl" if resumed else None
    killed = 0
    for _ in range(KILLS):
        begun = processes.Event()
        child = processes.Process(
            target=run, args=(tmp_path / "killed", checkpoint, begun), kwargs={"slow": True}
        )
        child.start()
        assert begun.wait(30)
        child.join(chance.uniform(0.02, 0.5))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
        child.close()
    assert killed > KILLS // 2, "the ingest was too fast to be killed"

    begun = processes.Event()
    for path, kept in ((tmp_path / "killed", checkpoint), (tmp_path / "whole", None)):
        child = processes.Process(target=run, args=(path, kept, begun), kwargs={"slow": False})
        child.start()
        child.join()
        assert child.exitcode == 0
        child.close()
    assert stored(tmp_path / "killed") == stored(tmp_path / "whole")
    assert checkpoint is None or not checkpoint.exists()
