"""QuotingChat: quotes sentences; for tests, demonstrations and machines without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from splade_integrations.rag.chat import Message
from splade_integrations.rag.chunking import ChunkSettings, spans
from splade_sdk.encoders.analyzer import ENGLISH_STOPWORDS

__all__ = ["QuotingChat"]

_PASSAGE = re.compile(r"^\[(\d+)\] [^\n]*\n(.*?)(?=\n\n\[\d+\] |\Z)", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"\w+")
_SENTENCES = ChunkSettings(max_characters=300, overlap_characters=0)


class QuotingChat:
    """Answers with the sentences that share most words with the question, and their numbers.

    No model runs. A question that shares no word with any passage gets the beginning of the first,
    which the search found best.

    Args:
        quotes: Sentences quoted at most, each of another passage.
    """

    def __init__(self, quotes: int = 2) -> None:
        self._quotes = quotes

    def __call__(self, messages: Sequence[Message]) -> str:
        """Return quotes from the passages in the last message."""
        passages, _, question = messages[-1]["content"].rpartition("\n\nQuestion: ")
        wanted = _words(question)
        best: list[tuple[int, int, str]] = []
        for number, text in _PASSAGE.findall(passages):
            sentences = [text[span.start : span.end] for span in spans(text, _SENTENCES)]
            shared, sentence = max(
                ((len(wanted & _words(each)), each) for each in sentences),
                key=lambda pair: pair[0],
                default=(0, text),
            )
            best.append((shared, int(number), sentence))
        best.sort(key=lambda each: (-each[0], each[1]))
        quoted = [each for each in best if each[0]][: self._quotes] or best[:1]
        return "\n".join(f"\u201c{' '.join(text.split())}\u201d [{n}]" for _, n, text in quoted)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower())) - ENGLISH_STOPWORDS
