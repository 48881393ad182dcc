"""What runs in each Ray actor: it holds the model, and stores one block after the other."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import ray

from splade_integrations.ray.attempts import MOST_ATTEMPTS, block_key
from splade_integrations.ray.columns import Columns
from splade_integrations.ray.target import Target
from splade_sdk.errors import EngineError
from splade_sdk.retrieval.connection import Connection
from splade_sdk.retrieval.upload import UploadOptions, upsert
from splade_sdk.types import Document, FailedBatch, IngestReport

if TYPE_CHECKING:
    import pyarrow

__all__ = ["REPORT", "ROWS", "IndexingWorker", "open_target"]

ROWS, REPORT = "rows", "report"
"""Columns of what a worker returns of a block: the number of its rows, and an IngestReport."""


def open_target(target: Target) -> None:
    """Make the collection where it does not exist, and check that the model may fill it.

    Raises:
        SpladeError: what the encoder and ``Connection.open`` raise.
    """
    connection = target.connect()
    try:
        connection.open(create=True)
    finally:
        connection.close()


class IndexingWorker:
    """Stores blocks of documents; the model loads with the first of them, and stays.

    Args:
        target: Where to store them.
        columns: What makes a document of a row.
        options: How they are stored.
        attempts: Handle of the actor that counts attempts.
    """

    def __init__(
        self, target: Target, columns: Columns, options: UploadOptions, attempts: Any
    ) -> None:
        self._target = target
        self._columns = columns
        self._options = options
        self._attempts = attempts

    def __call__(self, block: pyarrow.Table) -> dict[str, list[Any]]:
        """Store a block, and return one row that says what came of it."""
        documents, refused = self._columns.to_documents(block.to_pylist())
        report = IngestReport(failed=refused) + self._store(documents)
        return {ROWS: [block.num_rows], REPORT: [report]}

    @cached_property
    def _connection(self) -> Connection:
        return self._target.connect()

    def _store(self, documents: list[Document]) -> IngestReport:
        key = block_key(documents)
        if ray.get(self._attempts.begin.remote(key)) > MOST_ATTEMPTS:
            report = _given_up(documents)
        else:
            collection = self._connection.open(create=True)
            report = upsert(documents, collection, self._connection.encoding, self._options)
        self._attempts.end.remote(key)
        return report


def _given_up(documents: list[Document]) -> IngestReport:
    ids = tuple(dict.fromkeys(document.id for document in documents))
    cause = EngineError(
        f"{MOST_ATTEMPTS} workers died one after the other of these {len(ids)} documents (some may "
        "be stored): look for their cause of death in Ray's logs, such as the memory of a machine "
        "that was used up"
    )
    return IngestReport(failed=(FailedBatch(ids, cause),))
