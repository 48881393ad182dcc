"""Draws queries that have no passage of their own: the teachers say which passages answer them.

Questions that people asked, and sentences of passages, which stand for long queries. Writes
``questions.jsonl``: the query, and for a sentence the passage it is of.

    python -m recipes.bundled.questions --data ../shared/data --output runs/bundled
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from recipes.bundled.lines import read_zst, write_lines
from recipes.bundled.overlap import EvaluationTexts
from recipes.bundled.pool import pool_passages
from recipes.bundled.sources import QUESTIONS, SENTENCES

_SENTENCE_ENDS = re.compile(r"(?<=[a-z)][.?!]) +(?=[A-Z])")
_SENTENCE_WORDS = range(8, 61)


def questions_by_source(data: Path) -> dict[str, list[str]]:
    """Return the questions of each source that is used, in the file's order."""
    found: dict[str, list[str]] = {source: [] for source in QUESTIONS}
    for row in read_zst(data / "train" / "queries-only.jsonl.zst"):
        if row["source"] in found:
            text = row["query"].strip()
            if text.startswith("{"):  # a whole record, of which the answer is not used
                text = json.loads(text)["question"]
            found[row["source"]].append(text)
    return found


def drawn_questions(data: Path, evaluation: EvaluationTexts) -> Iterator[dict[str, str]]:
    """Yield questions of each source in a fixed random order, but no evaluation query."""
    for source, questions in questions_by_source(data).items():
        listed = list(dict.fromkeys(questions))
        random.Random(source).shuffle(listed)  # noqa: S311 - no secret
        asked = (text for text in listed if text and not evaluation.has_query(text))
        for text, _ in zip(asked, range(QUESTIONS[source]), strict=False):
            yield {"query": text, "source": source}


def drawn_sentences(passages: list[str]) -> Iterator[dict[str, str]]:
    """Yield one or two sentences in a row of some passages, with the passage."""
    order = random.Random(0)  # noqa: S311 - no secret
    count = 0
    for passage in order.sample(passages, len(passages)):
        sentences = _SENTENCE_ENDS.split(passage)
        if len(sentences) < 3:  # a sentence would be most of it
            continue
        first = order.randrange(len(sentences))
        text = " ".join(sentences[first : first + order.choice((1, 2))])
        if len(text.split()) in _SENTENCE_WORDS:
            yield {"query": text, "of": passage, "source": "sentences"}
            count += 1
            if count == SENTENCES:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    asked = parser.parse_args()
    collections = sorted(path.parent for path in asked.data.glob("*/corpus.jsonl"))
    rows = [
        *drawn_questions(asked.data, EvaluationTexts(collections)),
        *drawn_sentences(pool_passages(asked.output)),
    ]
    random.Random(0).shuffle(rows)  # noqa: S311 - no secret
    write_lines(asked.output / "questions.jsonl", rows)
    print(Counter(row["source"] for row in rows))


if __name__ == "__main__":
    main()
