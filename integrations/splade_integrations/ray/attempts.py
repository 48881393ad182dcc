"""How often work on a block was begun, so that one that kills its workers ends some time.

Ray begins the work of a dead worker again without limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from splade_sdk.types import Document

__all__ = ["MOST_ATTEMPTS", "Attempts", "block_key"]

MOST_ATTEMPTS = 3
"""Workers that may die of a block before its documents are reported as failed."""


class Attempts:
    """Counts the blocks being worked on; run as one Ray actor for all workers."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, block: str) -> int:
        """Note that a worker begins, and return how many have begun without an end."""
        self._begun[block] += 1
        return self._begun[block]

    def end(self, block: str) -> None:
        """Note that a block is done, so that nothing of it is kept."""
        self._begun.pop(block, None)


def block_key(worker: str, documents: Sequence[Document]) -> str:
    """Return what names the work on a block: its worker, and a hash of the ids in it.

    Args:
        worker: Ray's id of the actor, which stays the same when its process is started again.
            Several workers may have blocks with the same ids at the same time.
        documents: What is in the block.
    """
    digest = blake2b(worker.encode(), digest_size=16)
    for document in documents:
        digest.update(b"\0")
        digest.update(document.id.encode())
    return digest.hexdigest()
