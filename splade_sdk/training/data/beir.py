"""Training pairs from a folder in BEIR layout."""

from __future__ import annotations

import csv
from pathlib import Path

from splade_sdk.errors import InvalidDataError
from splade_sdk.training.data.example import Example
from splade_sdk.training.data.lines import LineFile

__all__ = ["BeirSource"]


class BeirSource:
    """One example for each relevant document of each judged query.

    Reads ``corpus.jsonl`` (``_id``, ``title``, ``text``), ``queries.jsonl`` (``_id``, ``text``) and
    ``qrels/<split>.tsv`` (query, document, score, with a header). Title and text are joined by a
    space. Only the ids are kept in memory, texts are read when asked for.

    Args:
        folder: The collection.
        split: Which judgements.
        max_also_relevant: How many of a query's other relevant documents go with an example.

    Raises:
        InvalidDataError: if a file cannot be used, a judgement names an unknown id, or a judged
            query has no relevant document; the message names file and line.
    """

    def __init__(self, folder: Path, split: str = "train", *, max_also_relevant: int = 16) -> None:
        self._corpus = LineFile(folder / "corpus.jsonl")
        self._queries = LineFile(folder / "queries.jsonl")
        self._max_also_relevant = max_also_relevant
        path = folder / "qrels" / f"{split}.tsv"
        self._relevant = _relevant(path, _places(self._queries), _places(self._corpus))
        self._pairs = [
            (query, document)
            for query, documents in self._relevant.items()
            for document in documents
        ]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._pairs)

    def __getitem__(self, at: int) -> Example:
        """Return an example."""
        query, document = self._pairs[at]
        others = [other for other in self._relevant[query] if other != document]
        return Example(
            _field(self._queries, query, "text"),
            (self._document(document),),
            also_relevant=tuple(map(self._document, others[: self._max_also_relevant])),
        )

    def _document(self, at: int) -> str:
        title = self._corpus[at].get("title") or ""
        return f"{title} {_field(self._corpus, at, 'text')}".strip()


def _places(lines: LineFile) -> dict[str, int]:
    """Return the row of each id."""
    return {_field(lines, at, "_id"): at for at in range(len(lines))}


def _field(lines: LineFile, at: int, field: str) -> str:
    value = lines[at].get(field)
    if not isinstance(value, str):
        raise InvalidDataError(
            f"{lines.where(at)}: field {field!r} is {type(value).__name__}: expected a string"
        )
    return value


def _relevant(
    path: Path, queries: dict[str, int], documents: dict[str, int]
) -> dict[int, list[int]]:
    """Return the rows of the relevant documents of each query's row."""
    found: dict[str, list[int]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter="\t")
            for row in rows:
                where = f"{path}:{rows.line_num}"
                if rows.line_num == 1 and row[-1:] == ["score"]:
                    continue
                query, document, score = _judgement(row, where)
                _require_known(query, queries, "query", where)
                _require_known(document, documents, "document", where)
                judged = found.setdefault(query, [])
                if score > 0 and documents[document] not in judged:
                    judged.append(documents[document])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidDataError(f"{path}: cannot be read: {error}") from error
    if not found:
        raise InvalidDataError(f"{path}: no judgements in it")
    for query, judged in found.items():
        if not judged:
            raise InvalidDataError(
                f"{path}: the query {query!r} has no positive: give it a document with a score "
                "above 0, or drop its judgements"
            )
    return {queries[query]: judged for query, judged in found.items()}


def _judgement(row: list[str], where: str) -> tuple[str, str, float]:
    if len(row) != 3:
        raise InvalidDataError(
            f"{where}: {len(row)} columns: expected query-id, corpus-id and score, between tabs"
        )
    try:
        return row[0], row[1], float(row[2])
    except ValueError as error:
        raise InvalidDataError(f"{where}: score is {row[2]!r}: expected a number") from error


def _require_known(identity: str, known: dict[str, int], what: str, where: str) -> None:
    if identity not in known:
        raise InvalidDataError(f"{where}: no {what} has the id {identity!r}")
