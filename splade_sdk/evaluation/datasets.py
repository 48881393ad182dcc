"""Test collections in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from splade_sdk.errors import InvalidDataError, InvalidDocumentError
from splade_sdk.evaluation.lines import read_lines, read_rows, whole_number
from splade_sdk.types import Document
from splade_sdk.types.arguments import lone_surrogate

__all__ = ["BeirDataset", "load_dataset"]

_CORPUS = "corpus.jsonl"
_QUERIES = "queries.jsonl"
_HEADER = ["query-id", "corpus-id", "score"]


@dataclass(frozen=True, slots=True)
class BeirDataset:
    """A corpus that stays on disk, and the judged queries of one split.

    Attributes:
        folder: Where it lies; its last part is the dataset's name.
        split: Name of the judgements, such as ``test``.
        queries: Text of each judged query, by id, in the order of the judgements.
        qrels: Relevance of judged documents, by query id and document id.
    """

    folder: Path
    split: str
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def corpus(self) -> Iterator[Document]:
        """Read the documents from disk, one at a time; title and text are joined by a space.

        Raises:
            InvalidDataError: if a line cannot be used; the message names file, line and field.
        """
        path = self.folder / _CORPUS
        for where, row in read_rows(path):
            title = _string(row, "title", where, default="")
            text = _string(row, "text", where)
            try:
                yield Document(_string(row, "_id", where), f"{title} {text}".strip())
            except InvalidDocumentError as error:
                raise InvalidDataError(f"{where}: {error}") from error


def load_dataset(
    folder: str | Path, split: str = "test", *, needs_corpus: bool = True
) -> BeirDataset:
    """Read the judgements of a split and the queries they judge.

    Args:
        folder: Holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv.
        split: Which judgements; ``test``, ``train`` and ``dev`` are usual.
        needs_corpus: Check that there is a corpus too; False where it is indexed already.

    Raises:
        InvalidDataError: if a file or the split does not exist, or a line cannot be used; the
            message names file, line and field.
    """
    folder = Path(folder)
    for name in (_CORPUS, _QUERIES) if needs_corpus else (_QUERIES,):
        if not (folder / name).is_file():
            raise InvalidDataError(
                f"{folder} has no {name}: expected a folder in BEIR's layout ({_CORPUS}, "
                f"{_QUERIES}, qrels/<split>.tsv)"
            )
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        there = sorted(each.stem for each in (folder / "qrels").glob("*.tsv"))
        raise InvalidDataError(
            f"{folder} has no split {split!r}: "
            + (f"there is {', '.join(map(repr, there))}" if there else "its qrels folder is empty")
        )
    judged = _judgements(path)
    texts = _queries(folder / _QUERIES)
    for query_id, (where, _) in judged.items():
        if query_id not in texts:
            raise InvalidDataError(
                f"{where}, field 'query-id': there is no query {query_id!r} in {folder / _QUERIES}"
            )
    return BeirDataset(
        folder=folder,
        split=split,
        queries={query_id: texts[query_id] for query_id in judged},
        qrels={query_id: relevance for query_id, (_, relevance) in judged.items()},
    )


def _judgements(path: Path) -> dict[str, tuple[str, dict[str, int]]]:
    """Return, by query id, where the query is judged first, and what of."""
    judged: dict[str, tuple[str, dict[str, int]]] = {}
    for where, line in read_lines(path):
        fields = line.split("\t")
        if fields == _HEADER:
            continue
        if len(fields) != len(_HEADER):
            raise InvalidDataError(
                f"{where}: {len(fields)} fields, expected {', '.join(_HEADER)} between tabs"
            )
        query_id, document_id, score = fields
        relevance = whole_number(score, where, "score")
        judged.setdefault(query_id, (where, {}))[1][document_id] = relevance
    if not judged:
        raise InvalidDataError(f"{path}: no judgements in it")
    return judged


def _queries(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for where, row in read_rows(path):
        query_id = _string(row, "_id", where)
        if query_id in texts:
            raise InvalidDataError(f"{where}, field '_id': {query_id!r} is there twice")
        texts[query_id] = _string(row, "text", where)
    return texts


def _string(row: dict[str, object], field: str, where: str, default: str | None = None) -> str:
    value = row.get(field, default)
    if not isinstance(value, str):
        got = f"is {type(value).__name__}" if field in row else "is missing"
        raise InvalidDataError(f"{where}, field {field!r}: {got}, expected a string")
    if (at := lone_surrogate(value)) is not None:
        raise InvalidDataError(
            f"{where}, field {field!r}: lone surrogate at character {at}, it is not valid Unicode"
        )
    return value
