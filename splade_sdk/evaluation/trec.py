"""Runs and judgements in the formats of TREC.

A line of a run is ``query Q0 document rank score tag``, one of judgements ``query 0 document
relevance``, between white space. The order of a run is that of its scores; its ranks are not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from splade_sdk.datasets.beir import read_judgements
from splade_sdk.datasets.lines import read_lines
from splade_sdk.errors import InvalidDataError
from splade_sdk.evaluation.metrics import ranked

__all__ = ["read_qrels", "read_run", "write_qrels", "write_run"]

_RUN = ("query", "Q0", "document", "rank", "score", "tag")


def read_run(path: str | Path) -> dict[str, list[tuple[str, float]]]:
    """Return found documents with their scores by query id, in trec_eval's order.

    That is by score, highest first, and equal scores by document id, the greater one first.

    Args:
        path: The file, plain, ``.gz`` or ``.zst``.

    Raises:
        InvalidDataError: if the file cannot be read, a line has other fields, or a query has a
            document twice; the message names file, line and field.
    """
    found: dict[str, dict[str, float]] = {}
    for where, line in read_lines(Path(path)):
        if not line.strip():
            continue
        query, _, document, _, given, _ = _fields(line, _RUN, where)
        try:
            score = float(given)
        except ValueError as error:
            raise InvalidDataError(f"{where}, field 'score': {given!r} is not a number") from error
        if not math.isfinite(score):
            raise InvalidDataError(f"{where}, field 'score': {given} is not finite")
        hits = found.setdefault(query, {})
        if document in hits:
            raise InvalidDataError(f"{where}: query {query!r} has document {document!r} twice")
        hits[document] = score
    return {query: ranked(list(hits.items())) for query, hits in found.items()}


def write_run(
    path: str | Path, run: Mapping[str, Sequence[tuple[str, float]]], *, tag: str = "splade-sdk"
) -> None:
    """Write a run, ranks from 1.

    Scores are written so that reading gives the same numbers. Programs that read runs, this one
    too, order hits by score alone, and equal scores by document id, the greater one first.

    Args:
        path: File to write.
        run: Found documents with their scores, best first, by query id.
        tag: Name of the run, the last field.

    Raises:
        InvalidDataError: if an id or the tag is empty or has white space, which the format cannot
            hold.
    """
    lines = [
        [query, "Q0", document, str(rank), repr(float(score)), tag]
        for query, hits in run.items()
        for rank, (document, score) in enumerate(hits, start=1)
    ]
    _write(Path(path), lines, "run")


def read_qrels(path: str | Path) -> dict[str, dict[str, int]]:
    """Return the relevance of judged documents by query id and document id.

    Args:
        path: The file, in TREC's format or BEIR's (see ``read_judgements``).

    Raises:
        InvalidDataError: if the file cannot be read, a line has other fields, or judgements of
            one document differ; the message names file, line and field.
    """
    judged: dict[str, dict[str, int]] = {}
    for each in read_judgements(Path(path)):
        judged.setdefault(each.query_id, {})[each.document_id] = each.relevance
    return judged


def write_qrels(path: str | Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write judgements.

    Args:
        path: File to write.
        qrels: Relevance of judged documents, by query id and document id.

    Raises:
        InvalidDataError: if an id is empty or has white space, which the format cannot hold.
    """
    lines = [
        [query, "0", document, str(relevance)]
        for query, judgements in qrels.items()
        for document, relevance in judgements.items()
    ]
    _write(Path(path), lines, "judgements")


def _fields(line: str, names: Sequence[str], where: str) -> list[str]:
    fields = line.split()
    if len(fields) != len(names):
        raise InvalidDataError(
            f"{where}: {len(fields)} fields, expected {', '.join(names)} between white space"
        )
    return fields


def _write(path: Path, lines: Iterable[Sequence[str]], what: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        for fields in lines:
            for field in fields:
                if len(field.split()) != 1 or field != field.strip():
                    raise InvalidDataError(
                        f"{path}: {field!r} is empty or has white space, and TREC's format for "
                        f"{what} separates fields by it: use other ids"
                    )
            file.write(" ".join(fields) + "\n")
