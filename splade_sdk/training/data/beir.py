"""Training pairs from a folder in BEIR layout."""

from __future__ import annotations

import warnings
from pathlib import Path

from splade_sdk.caller import stacklevel
from splade_sdk.datasets import beir
from splade_sdk.datasets.line_file import LineFile
from splade_sdk.errors import InvalidDataError
from splade_sdk.training.data.example import Example

__all__ = ["BeirSource"]


class BeirSource:
    """One example for each relevant document of each judged query.

    Reads the files of ``load_dataset``, by the same rules. Only the ids are kept in memory; texts
    are read at each access. Judged documents that are not in the corpus, and judged queries
    without a relevant document, are left out with a warning.

    Args:
        folder: The collection.
        split: Which judgements.
        max_also_relevant: How many of a query's other relevant documents go with an example.

    Raises:
        InvalidDataError: if a file cannot be used, a judgement names an unknown query, or no
            judged query has a relevant document; the message names file and line.
    """

    def __init__(self, folder: Path, split: str = "train", *, max_also_relevant: int = 16) -> None:
        self._corpus = LineFile(beir.find_file(folder, "corpus.jsonl"))
        self._queries = LineFile(beir.find_file(folder, "queries.jsonl"))
        self._max_also_relevant = max_also_relevant
        path = beir.judgements_file(folder, split)
        self._relevant = self._relevant_rows(path, folder)
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
            beir.string_field(self._queries[query], "text", self._queries.where(query)),
            (self._document(document),),
            also_relevant=tuple(map(self._document, others[: self._max_also_relevant])),
        )

    def _document(self, at: int) -> str:
        return beir.document_text(self._corpus[at], self._corpus.where(at))

    def _relevant_rows(self, path: Path, folder: Path) -> dict[int, list[int]]:
        """Return the rows of the relevant documents of each query's row."""
        queries, documents = _rows(self._queries), _rows(self._corpus)
        found: dict[str, list[int]] = {}
        judged, absent = set(), set()
        for each in beir.read_judgements(path):
            beir.require_query(each, queries, folder)
            rows = found.setdefault(each.query_id, [])
            judged.add(each.document_id)
            if each.document_id not in documents:
                absent.add(each.document_id)
            elif each.relevance > 0:
                rows.append(documents[each.document_id])
        if not found:
            raise InvalidDataError(f"{path}: no judgements in it")
        beir.warn_of_missing(path, absent, judged)
        _warn_of_queries_without_positive(path, found)
        return {queries[query]: rows for query, rows in found.items() if rows}


def _rows(lines: LineFile) -> dict[str, int]:
    """Return the row of each id."""
    seen: set[str] = set()
    return {beir.row_id(lines[at], lines.where(at), seen): at for at in range(len(lines))}


def _warn_of_queries_without_positive(path: Path, found: dict[str, list[int]]) -> None:
    without = [query for query, rows in found.items() if not rows]
    if not without:
        return
    if len(without) == len(found):
        raise InvalidDataError(
            f"{path}: the query {without[0]!r} has no positive, nor has any other: expected "
            "documents of the corpus with a score above 0"
        )
    warnings.warn(
        f"{path}: {len(without):,} of {len(found):,} judged queries have no positive, such as "
        f"{without[0]!r}: they are left out",
        stacklevel=stacklevel(),
    )
