"""What runs in each Ray actor: it holds the model, and stores one block after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ray
from ray import cloudpickle

from splade_integrations.ray.attempts import MOST_ATTEMPTS, block_key
from splade_integrations.ray.columns import Columns
from splade_integrations.ray.outcome import Outcome
from splade_sdk.errors import ConfigError, EngineError, InvalidTypeError, SpladeError
from splade_sdk.qdrant.address import MEMORY
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, FailedBatch, IngestReport

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OUTCOME", "IndexingWorker"]

OUTCOME = "outcome"
"""The column of what a worker returns of a block: a pickled Outcome."""


class IndexingWorker:
    """Stores blocks of documents; the model loads with the first of them, and stays.

    Args:
        make_retriever: Makes the retriever to store them with.
        columns: What makes a document of a row.
        batch_size: Documents encoded and stored at once at most.
        skip_unchanged: Leave out documents that are stored already, as they are.
        attempts: Handle of the actor that counts attempts.
    """

    def __init__(
        self,
        make_retriever: Callable[[], Retriever],
        columns: Columns,
        batch_size: int,
        skip_unchanged: bool,
        attempts: Any,
    ) -> None:
        self._make_retriever = make_retriever
        self._columns = columns
        self._batch_size = batch_size
        self._skip_unchanged = skip_unchanged
        self._attempts = attempts

    def __call__(self, block: pa.Table) -> dict[str, list[bytes]]:
        """Store a block, and return one row that says what came of it."""
        documents, refused = self._columns.to_documents(block.to_pylist())
        error = None
        try:
            report = self._store(documents)
        except SpladeError as raised:
            error = raised
            report = getattr(raised, "report", IngestReport())
        by_id = {document.id: document for document in documents}
        lost = tuple((by_id[each], batch.cause) for batch in report.failed for each in batch.ids)
        outcome = Outcome(block.num_rows, report, refused, lost, error)
        return {OUTCOME: [cloudpickle.dumps(outcome)]}

    @cached_property
    def _retriever(self) -> Retriever:
        retriever = self._make_retriever()
        if not isinstance(retriever, Retriever):
            raise InvalidTypeError(
                f"make_retriever returned {type(retriever).__name__}: expected a Retriever"
            )
        if retriever.url in (None, MEMORY):
            raise ConfigError(
                f"make_retriever returned {retriever!r}, and several workers cannot share an "
                "embedded collection or one in memory: expected a Retriever with the url of a "
                "server that all of them reach, such as 'http://10.0.0.5:6333'"
            )
        return retriever

    def _store(self, documents: list[Document]) -> IngestReport:
        key = block_key(ray.get_runtime_context().get_actor_id() or "", documents)
        if ray.get(self._attempts.begin.remote(key)) > MOST_ATTEMPTS:
            report = _given_up(documents)
        else:
            report = self._retriever.upsert(
                documents,
                batch_size=self._batch_size,
                skip_unchanged=self._skip_unchanged,
                show_progress_bar=False,
            )
        self._attempts.end.remote(key)
        return report


def _given_up(documents: list[Document]) -> IngestReport:
    ids = tuple(dict.fromkeys(document.id for document in documents))
    cause = EngineError(
        f"{MOST_ATTEMPTS} workers died one after the other of these {len(ids)} documents (some may "
        "be stored): look for their cause of death in Ray's logs, such as the memory of a machine "
        "that was used up; a smaller block_size loses fewer"
    )
    return IngestReport(failed=(FailedBatch(ids, cause),))
