"""Finds documents that a retriever takes for answers, and that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Protocol

import numpy as np

from splade_sdk.errors import ConfigError, InvalidDataError
from splade_sdk.progress import progress_bar
from splade_sdk.training.data.collator import text_id
from splade_sdk.training.data.example import Example
from splade_sdk.training.data.source import Source, open_source
from splade_sdk.training.data.writing import example_writer
from splade_sdk.training.teachers.base import Teacher
from splade_sdk.types import Hit

__all__ = ["MiningReport", "Searcher", "mine_negatives"]


class Searcher(Protocol):
    """What is asked of a retriever, sparse, dense or hybrid."""

    def search_batch(self, queries: Sequence[str], *, limit: int) -> list[list[Hit]]:
        """Return the hits of each query with their texts, best first."""


@dataclass(frozen=True, slots=True)
class MiningReport:
    """What mining did.

    Attributes:
        examples: Examples in the file.
        resumed: Of those, examples that an earlier run had done.
        negatives: Hard negatives this run has found.
        without: Examples for which this run has found none.
    """

    examples: int
    resumed: int
    negatives: int
    without: int


@dataclass(frozen=True, slots=True)
class _Rules:
    rank_range: tuple[int, int]
    per_query: int
    margin: float | None
    teacher: Teacher | None
    teacher_margin: float
    seed: int


def mine_negatives(
    retriever: Searcher,
    pairs: Source | Path | str,
    output: Path | str,
    *,
    rank_range: tuple[int, int] = (10, 100),
    per_query: int = 8,
    margin: float | None = None,
    teacher: Teacher | None = None,
    teacher_margin: float = 0.0,
    batch_size: int = 64,
    seed: int = 0,
    overwrite: bool = False,
    show_progress_bar: bool | None = None,
) -> MiningReport:
    """Write each pair with hard negatives from the retriever's hits.

    A hit becomes a candidate if it

    - stands in ``rank_range``;
    - is not, but for case and spaces, the query itself, a document known to answer it anywhere in
      the data, or a hit further up;
    - scores at most the positive's score minus ``margin``; where the positive is not among the
      hits, its score is not known, and the score of the last hit stands for it;
    - scores, by the teacher, at most the positive's score minus ``teacher_margin``: what the
      teacher holds for a better answer than the positive is a false negative.

    ``per_query`` of the candidates are drawn evenly, by ``seed`` and the query alone, and kept in
    the order of the hits; the teacher's scores are written with them. An example that has
    negatives already keeps them in front; its scores are replaced by the teacher's, or dropped
    without one. The file is streamed; a killed run goes on (see ``score_pairs``).

    Args:
        retriever: Searches the corpus; its hits must have texts.
        pairs: Examples, or the file or folder they are in.
        output: JSONL file to make.
        rank_range: First and last rank, counted from 1, both included.
        per_query: Negatives of an example at most.
        margin: In the retriever's scores; None does not ask for one.
        teacher: Sorts out false negatives; None believes the data.
        teacher_margin: In the teacher's scores.
        batch_size: Queries searched at once.
        seed: Of the drawing.
        overwrite: Replace an ``output`` that exists.
        show_progress_bar: Draw a bar on stderr; None draws it on a terminal only.

    Raises:
        ConfigError: if an argument is out of range, or ``output`` exists and may not be replaced.
        InvalidDataError: if the data cannot be used, a hit has no text, or a run to go on with was
            of other data.
        TrainingError: if the disk is full; what is done is kept.
    """
    first, last = rank_range
    if not 1 <= first <= last or per_query < 1 or batch_size < 1:
        raise ConfigError(
            f"rank_range is {rank_range}, per_query is {per_query}, batch_size is {batch_size}: "
            "expected 1 <= first rank <= last rank, and at least 1"
        )
    source = open_source(pairs) if isinstance(pairs, str | Path) else pairs
    rules = _Rules(rank_range, per_query, margin, teacher, teacher_margin, seed)
    known = _known_answers(source)
    negatives = without = 0
    with (
        example_writer(Path(output), source, overwrite=overwrite) as writer,
        progress_bar(
            desc="mine",
            unit="query",
            show=show_progress_bar,
            total=len(source),
            initial=writer.done,
        ) as bar,
    ):
        resumed = writer.done
        while writer.done < len(source):
            end = min(writer.done + batch_size, len(source))
            examples = [source[at] for at in range(writer.done, end)]
            found = retriever.search_batch([each.query for each in examples], limit=last)
            mined = _mined(examples, found, known, rules)
            counts = [
                len(new.documents) - len(old.documents)
                for old, new in zip(examples, mined, strict=True)
            ]
            negatives += sum(counts)
            without += counts.count(0)
            writer.write(mined)
            bar.update(len(mined))
        return MiningReport(writer.done, resumed, negatives, without)


def _known_answers(source: Source) -> dict[int, set[str]]:
    """Return the keys of all texts known to answer each query, by the query's id."""
    known: dict[int, set[str]] = {}
    for at in range(len(source)):
        example = source[at]
        answers = known.setdefault(text_id(example.query), {_key(example.query)})
        answers.update(map(_key, (example.documents[0], *example.also_relevant)))
    return known


def _mined(
    examples: Sequence[Example],
    found: Sequence[Sequence[Hit]],
    known: Mapping[int, set[str]],
    rules: _Rules,
) -> list[Example]:
    candidates = [
        _candidates(example, hits, known[text_id(example.query)], rules)
        for example, hits in zip(examples, found, strict=True)
    ]
    if rules.teacher is None:
        return [
            _with_negatives(example, texts, None, rules)
            for example, texts in zip(examples, candidates, strict=True)
        ]
    lists = [
        (*example.documents, *texts) for example, texts in zip(examples, candidates, strict=True)
    ]
    scored = rules.teacher.score([example.query for example in examples], lists)
    return [
        _with_negatives(example, texts, scores.tolist(), rules)
        for example, texts, scores in zip(examples, candidates, scored, strict=True)
    ]


def _candidates(example: Example, hits: Sequence[Hit], known: set[str], rules: _Rules) -> list[str]:
    seen = known | set(map(_key, example.documents))
    first, last = rules.rank_range
    ceiling = _positive_score(hits, example) - rules.margin if rules.margin is not None else inf
    texts = []
    for rank, hit in enumerate(hits[:last], start=1):
        if not hit.text.strip():
            raise InvalidDataError(
                f"the hit {hit.id!r} has no text: store the documents with their texts"
            )
        key = _key(hit.text)
        if rank >= first and hit.score <= ceiling and key not in seen:
            texts.append(hit.text)
        seen.add(key)
    return texts


def _positive_score(hits: Sequence[Hit], example: Example) -> float:
    """Return the score of the best known answer among the hits, or that of the last hit."""
    answers = set(map(_key, (example.documents[0], *example.also_relevant)))
    found = [hit.score for hit in hits if _key(hit.text) in answers]
    return max(found, default=hits[-1].score if hits else 0.0)


def _with_negatives(
    example: Example, texts: Sequence[str], scores: Sequence[float] | None, rules: _Rules
) -> Example:
    """Add the chosen candidates.

    Args:
        example: The example.
        texts: Candidates, in the order of the hits.
        scores: The teacher's, of the example's documents and then the candidates.
        rules: How to choose.
    """
    old = len(example.documents)
    chosen = list(range(len(texts)))
    if scores is not None:
        ceiling = scores[0] - rules.teacher_margin
        chosen = [at for at in chosen if scores[old + at] <= ceiling]
    if len(chosen) > rules.per_query:
        random = np.random.default_rng([rules.seed, text_id(example.query)])
        chosen = np.sort(random.choice(chosen, rules.per_query, replace=False)).tolist()
    return replace(
        example,
        documents=(*example.documents, *(texts[at] for at in chosen)),
        scores=None if scores is None else (*scores[:old], *(scores[old + at] for at in chosen)),
    )


def _key(text: str) -> str:
    """Return what is equal for texts that differ in case and spaces only."""
    return " ".join(text.casefold().split())
