"""Keeps what is evaluated out of what is trained on.

A passage is dropped if at least a tenth of its runs of eight words occur in a document of an
evaluation collection; a query, if it is one of their queries but for case and punctuation, or has
at least half of its runs of five words in one. It finds the queries of nfcorpus, but not its
documents, which lack their stop words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

from splade_sdk.datasets.beir import load_dataset

__all__ = ["EvaluationTexts"]

_WORDS = re.compile(r"\w+")


class EvaluationTexts:
    """All queries and documents of the evaluation collections, as hashes of runs of words.

    Args:
        folders: Collections in BEIR layout.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._document_runs: set[int] = set()
        self._query_runs: set[int] = set()
        self._queries: set[str] = set()
        for folder in folders:
            collection = load_dataset(folder)
            for query in collection.queries.values():
                self._queries.add(_normalized(query))
                self._query_runs.update(_runs(query, 5))
            for document in collection.corpus():
                self._document_runs.update(_runs(document.text, 8))

    def has_passage(self, text: str) -> bool:
        """True if the passage shares at least a tenth of its runs of eight words."""
        return _share(_runs(text, 8), self._document_runs) >= 0.1

    def has_query(self, text: str) -> bool:
        """True if the query is one of theirs, or shares at least half of its runs of five words."""
        if _normalized(text) in self._queries:
            return True
        return _share(_runs(text, 5), self._query_runs) >= 0.5


def _normalized(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))


def _runs(text: str, length: int) -> Iterator[int]:
    words = _WORDS.findall(text.lower())
    for start in range(len(words) - length + 1):
        run = " ".join(words[start : start + length])
        yield int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "little")


def _share(runs: Iterator[int], known: set[int]) -> float:
    listed = list(runs)
    return sum(run in known for run in listed) / len(listed) if listed else 0.0
