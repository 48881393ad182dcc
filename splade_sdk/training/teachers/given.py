"""The scores that the data brings along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from splade_sdk.errors import InvalidDataError
from splade_sdk.training.data.collator import text_id
from splade_sdk.training.data.example import Example
from splade_sdk.training.teachers.base import ScoreArray

__all__ = ["GivenTeacher"]


class GivenTeacher:
    """Looks scores up in scored examples, as one voice of an ensemble.

    Args:
        examples: Those with scores; of a pair that comes twice the last score holds.

    Raises:
        InvalidDataError: if no example has scores.
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._scores = {
            (text_id(example.query), text_id(text)): score
            for example in examples
            for text, score in zip(example.documents, example.scores or (), strict=False)
        }
        if not self._scores:
            raise InvalidDataError("no example has scores: give scored lists, or another teacher")

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents.

        Raises:
            InvalidDataError: if a pair has none.
        """
        return [
            np.array([self._of(query, text) for text in texts], dtype=np.float32)
            for query, texts in zip(queries, documents, strict=True)
        ]

    def _of(self, query: str, text: str) -> float:
        score = self._scores.get((text_id(query), text_id(text)))
        if score is None:
            raise InvalidDataError(
                f"no score is given for the query {query[:80]!r} and the document {text[:80]!r}"
            )
        return score
