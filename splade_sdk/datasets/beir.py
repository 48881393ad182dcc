"""Test collections in BEIR's layout, and judgements in BEIR's and TREC's formats.

The layout is a folder with ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``, each
plain, ``.gz`` or ``.zst``. What differs between collections in use is accepted: ids that are
numbers, a null or missing title, judgements with or without a header, with three or four columns,
and grades such as ``1.0``. What would give wrong scores is refused: an id that comes twice, and
judgements of one document that differ.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from splade_sdk.caller import stacklevel
from splade_sdk.datasets.lines import COMPRESSED, read_lines, read_rows
from splade_sdk.errors import InvalidDataError, InvalidDocumentError
from splade_sdk.types import Document
from splade_sdk.types.arguments import lone_surrogate

__all__ = [
    "BeirDataset",
    "Judgement",
    "document_text",
    "find_file",
    "judgements_file",
    "load_dataset",
    "read_corpus",
    "read_judgements",
    "require_query",
    "row_id",
    "string_field",
    "warn_of_missing",
]


@dataclass(frozen=True, slots=True)
class BeirDataset:
    """A corpus that stays on disk, and the judged queries of one split.

    Attributes:
        folder: Where it lies; its last part is the dataset's name.
        split: Name of the judgements, such as ``test``.
        queries: Text of each judged query, by id, in the order of the judgements.
        qrels: Relevance of judged documents, by query id and document id.
        missing_documents: Number of judged documents that are not in the corpus, which no system
            can find; None where the corpus was not read.
        queries_in_corpus: Number of judged queries that are documents of the corpus, as in
            ArguAna: the document has the query's id and text; None where the corpus was not read.
    """

    folder: Path
    split: str
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    missing_documents: int | None = field(default=None, kw_only=True)
    queries_in_corpus: int | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def corpus(self) -> Iterator[Document]:
        """Read the documents from disk, one at a time; title and text are joined by a space.

        Raises:
            InvalidDataError: if a line cannot be used; the message names file, line and field.
        """
        return read_corpus(find_file(self.folder, "corpus.jsonl"))


class Judgement(NamedTuple):
    """One line of judgements.

    Attributes:
        where: Its place, for messages.
        query_id: The query.
        document_id: The document.
        relevance: Grade; above 0 is relevant.
    """

    where: str
    query_id: str
    document_id: str
    relevance: int


def load_dataset(
    folder: str | Path, split: str = "test", *, needs_corpus: bool = True
) -> BeirDataset:
    """Read the judgements of a split and the queries they judge, and check the ids of the corpus.

    Judged documents that are not in the corpus are counted, and warned of.

    Args:
        folder: Holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv.
        split: Which judgements; ``test``, ``train`` and ``dev`` are usual.
        needs_corpus: Check that there is a corpus too; False where it is indexed already.

    Raises:
        InvalidDataError: if a file or the split does not exist, a line cannot be used, or none of
            the judged documents is in the corpus; the message names file, line and field.
        MissingDependencyError: if a file ends in ``.zst`` and zstandard is not installed.
    """
    folder = Path(folder)
    corpus = find_file(folder, "corpus.jsonl") if needs_corpus else None
    texts = _queries(find_file(folder, "queries.jsonl"))
    path = judgements_file(folder, split)
    qrels: dict[str, dict[str, int]] = {}
    for each in read_judgements(path):
        require_query(each, texts, folder)
        qrels.setdefault(each.query_id, {})[each.document_id] = each.relevance
    if not qrels:
        raise InvalidDataError(f"{path}: no judgements in it")
    missing = in_corpus = None
    if corpus is not None:
        judged = {document_id for judgements in qrels.values() for document_id in judgements}
        absent = set(judged)
        in_corpus = 0
        for document in read_corpus(corpus):
            absent.discard(document.id)
            query = texts[document.id].strip() if document.id in qrels else ""
            in_corpus += bool(query) and query in document.text
        missing = warn_of_missing(path, absent, judged)
    return BeirDataset(
        folder=folder,
        split=split,
        queries={query_id: texts[query_id] for query_id in qrels},
        qrels=qrels,
        missing_documents=missing,
        queries_in_corpus=in_corpus,
    )


def find_file(folder: Path, name: str) -> Path:
    """Return a file of a folder in BEIR's layout, plain or compressed.

    Args:
        folder: The collection.
        name: Of the plain file.

    Raises:
        InvalidDataError: if there is none.
    """
    for suffix in ("", *COMPRESSED):
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise InvalidDataError(
        f"{folder} has no {name}: expected a folder in BEIR's layout (corpus.jsonl, queries.jsonl, "
        "qrels/<split>.tsv)"
    )


def read_corpus(path: Path) -> Iterator[Document]:
    """Yield the documents of a corpus; title and text are joined by a space.

    Args:
        path: JSON lines with ``_id``, ``text`` and, where there is one, ``title``.

    Raises:
        InvalidDataError: if a line cannot be used or an id comes twice; the message names file,
            line and field.
    """
    seen: set[str] = set()
    for where, row in read_rows(path):
        identity = row_id(row, where, seen)
        text = document_text(row, where)
        try:
            yield Document(identity, text)
        except InvalidDocumentError as error:
            raise InvalidDataError(f"{where}: {error}") from error


def document_text(row: Mapping[str, Any], where: str) -> str:
    """Return the text of a document: title and text, joined by a space.

    Args:
        row: A line of a corpus; its title may be missing or null.
        where: Its place, for messages.

    Raises:
        InvalidDataError: if one of them is not a string.
    """
    title = "" if row.get("title") is None else string_field(row, "title", where)
    return f"{title} {string_field(row, 'text', where)}".strip()


def row_id(row: Mapping[str, Any], where: str, seen: set[str]) -> str:
    """Return the id of a line; a whole number becomes a string.

    Args:
        row: A line of a corpus or of queries.
        where: Its place, for messages.
        seen: Ids of the lines before it; this one is added.

    Raises:
        InvalidDataError: if there is no id, or it is one of those seen.
    """
    value = row.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    identity = string_field({**row, "_id": value} if "_id" in row else row, "_id", where)
    if identity in seen:
        raise InvalidDataError(f"{where}, field '_id': {identity!r} is there twice")
    seen.add(identity)
    return identity


def string_field(row: Mapping[str, Any], field: str, where: str) -> str:
    """Return a string of a line.

    Args:
        row: The line.
        field: Name of the field.
        where: Its place, for messages.

    Raises:
        InvalidDataError: if it is missing, of another type, or not valid Unicode.
    """
    value = row.get(field)
    if not isinstance(value, str):
        got = f"is {type(value).__name__}" if field in row else "is missing"
        raise InvalidDataError(f"{where}, field {field!r}: {got}, expected a string")
    if (at := lone_surrogate(value)) is not None:
        raise InvalidDataError(
            f"{where}, field {field!r}: lone surrogate at character {at}, it is not valid Unicode"
        )
    return value


def read_judgements(path: Path) -> Iterator[Judgement]:
    """Yield judgements in either of two formats, without blank lines, repeats and a header.

    - BEIR: query, document and grade between tabs, below a header or without one;
    - TREC: query, an ignored column, document and grade, between tabs or white space.

    The first line is taken for a header if it has tabs and its last field is no number. A grade is
    a whole number; ``1.0`` is one.

    Args:
        path: The file.

    Raises:
        InvalidDataError: if a line has other fields, or a document is judged twice for one query,
            with different grades; the message names file, line and field.
    """
    judged: dict[tuple[str, str], int] = {}
    first = True
    for where, line in read_lines(path):
        if not line.strip():
            continue
        is_header = first and _is_header(line)
        first = False
        if is_header:
            continue
        made = _judgement(line.rstrip("\r\n"), where)
        key = made.query_id, made.document_id
        if key not in judged:
            judged[key] = made.relevance
            yield made
        elif judged[key] != made.relevance:
            raise InvalidDataError(
                f"{where}: document {made.document_id!r} has grade {made.relevance} for query "
                f"{made.query_id!r}, and {judged[key]} in a line above: keep one of them"
            )


def require_query(judgement: Judgement, queries: Collection[str], folder: Path) -> None:
    """Raise InvalidDataError unless the query of a judgement is one of those of the folder."""
    if judgement.query_id not in queries:
        raise InvalidDataError(
            f"{judgement.where}, field 'query-id': there is no query {judgement.query_id!r} in "
            f"{find_file(folder, 'queries.jsonl')}"
        )


def warn_of_missing(path: Path, absent: Collection[str], judged: Collection[str]) -> int:
    """Warn of judged documents that are not in the corpus, and return their number.

    Args:
        path: The judgements.
        absent: Ids of those documents.
        judged: Ids of all judged documents.

    Raises:
        InvalidDataError: if no judged document is in the corpus.
    """
    if not absent:
        return 0
    example = repr(min(absent))
    if len(absent) == len(judged):
        raise InvalidDataError(
            f"{path}: none of the {len(judged):,} judged documents is in the corpus, such as "
            f"{example}: are they of another collection, or the columns in another order?"
        )
    warnings.warn(
        f"{path}: {len(absent):,} of {len(judged):,} judged documents are not in the corpus, such "
        f"as {example}: nothing can find them",
        stacklevel=stacklevel(),
    )
    return len(absent)


def judgements_file(folder: Path, split: str) -> Path:
    """Return the judgements of a split. Raises InvalidDataError if there is no such split."""
    try:
        return find_file(folder / "qrels", f"{split}.tsv")
    except InvalidDataError as error:
        there = sorted({each.name.split(".tsv")[0] for each in (folder / "qrels").glob("*.tsv*")})
        raise InvalidDataError(
            f"{folder} has no split {split!r}: "
            + (f"there is {', '.join(map(repr, there))}" if there else "its qrels folder is empty")
        ) from error


def _queries(path: Path) -> dict[str, str]:
    seen: set[str] = set()
    return {
        row_id(row, where, seen): string_field(row, "text", where) for where, row in read_rows(path)
    }


def _is_header(line: str) -> bool:
    *others, last = line.rstrip("\r\n").split("\t")
    return len(others) in (2, 3) and _number(last) is None and bool(last.strip())


def _judgement(line: str, where: str) -> Judgement:
    fields = line.split("\t")
    if len(fields) == 1:
        fields = line.split()
        if len(fields) == 3:  # white space may be part of an id there
            fields = [line]
    if len(fields) == 3:
        query_id, document_id, grade = fields
    elif len(fields) == 4:
        query_id, _, document_id, grade = fields
    else:
        raise InvalidDataError(
            f"{where}: {len(fields)} fields, expected query-id, corpus-id, score between tabs, or "
            "TREC's query, 0, document, relevance between white space"
        )
    number = _number(grade)
    if number is None or not number.is_integer():
        raise InvalidDataError(f"{where}, field 'score': {grade!r} is not a whole number")
    return Judgement(where, query_id, document_id, int(number))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
