"""RagPipeline: stores documents as passages, and answers questions from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from splade_integrations.rag.answer import Answer, read_answer
from splade_integrations.rag.chat import Chat
from splade_integrations.rag.chunking import ChunkSettings
from splade_integrations.rag.context import ContextSettings, choose, messages
from splade_integrations.rag.passage import DOCUMENT_FIELD, NUMBER_FIELD, Passage, cut, from_hit
from splade_sdk.errors import InvalidTypeError
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import Mode
from splade_sdk.types import Document, IngestReport

if TYPE_CHECKING:
    from qdrant_client import models

__all__ = ["RagPipeline"]

_BATCH = 64  # documents cut, stored and cleaned up at a time
_NOTHING_FOUND = "No passage was found that could answer the question."


class RagPipeline:
    """Answers questions from documents, and says where in them each answer stands.

    Documents are cut into passages; a question finds the best passages of the best documents,
    which the chat model then answers from. If nothing is found, it is not called.

    Args:
        retriever: Holds the passages, in a collection of their own; the caller closes it.
            CollectionSettings(indexed_fields=INDEXED_FIELDS) makes a large one faster.
        chat: Any chat model: a function from messages to a text.
        chunks: How documents are cut.
        context: How many passages the chat model is given.
        mode: ``sparse``, ``dense`` or ``hybrid``; None for ``hybrid`` where the collection has
            dense vectors, else ``sparse``.
        fusion: How a hybrid search fuses its legs: RRF, DBSF or Weighted.

    Example:
        >>> rag = RagPipeline(Retriever(path="./index"), QuotingChat())  # doctest: +SKIP
        >>> rag.add([Document("a1", "The signs of a heart attack are ...")])
        >>> answer = rag.ask("What are the signs of cardiac arrest?")
        >>> answer.text, [citation.passage.document_id for citation in answer.citations]
    """

    def __init__(
        self,
        retriever: Retriever,
        chat: Chat,
        *,
        chunks: ChunkSettings | None = None,
        context: ContextSettings | None = None,
        mode: Mode | None = None,
        fusion: Fusion | None = None,
    ) -> None:
        if not callable(chat):
            raise InvalidTypeError(
                f"chat is {chat!r:.80}: expected a function from messages to a text, such as "
                "OpenAiChat(url, model)"
            )
        self._retriever = retriever
        self._chat = chat
        self._chunks = chunks or ChunkSettings()
        self._context = context or ContextSettings()
        self._mode: Mode | None = mode
        self._fusion = RRF() if fusion is None else fusion

    def add(self, documents: Iterable[Document]) -> IngestReport:
        """Cut and store documents, replacing those with the same id; unchanged ones are left.

        Passages that a document no longer has are deleted. The report lists the passages that could
        not be stored.

        Args:
            documents: Any iterable; memory does not grow with it.

        Raises:
            InvalidDocumentError: if metadata cannot be stored as JSON, or a document has a
                ready-made vector.
            EngineError: if the engine cannot be reached, or nothing could be stored.
        """
        report = IngestReport()
        for batch in _batches(documents):
            passages = {each.id: cut(each, self._chunks) for each in batch}
            report += self._retriever.upsert(one for cuts in passages.values() for one in cuts)
            if not report.failed:
                self._delete_from({each: len(cuts) for each, cuts in passages.items()})
        return report

    def remove(self, ids: str | Sequence[str]) -> None:
        """Delete documents with all their passages; ids that do not exist are ignored.

        Args:
            ids: One id or several.
        """
        wanted = [ids] if isinstance(ids, str) else list(ids)
        if wanted:
            self._retriever.delete(filter={DOCUMENT_FIELD: {"any": wanted}})

    def search(
        self,
        question: str,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> list[Passage]:
        """Return the passages that a question is answered from, in the order of their numbers.

        Args:
            question: Any text.
            filter: Conditions on the metadata of the documents.

        Raises:
            InvalidFilterError: if the filter has the wrong shape.
            CollectionNotFoundError: if nothing has been added yet.
            EngineError: if the engine fails.
        """
        groups = self._retriever.search_groups(
            question,
            group_by=DOCUMENT_FIELD,
            limit=self._context.documents,
            group_size=self._context.passages,
            filter=filter,
            mode=self._mode,
            fusion=self._fusion,
        )
        return choose([[from_hit(hit) for hit in group.hits] for group in groups], self._context)

    def ask(
        self,
        question: str,
        *,
        filter: Mapping[str, Any] | models.Filter | None = None,  # noqa: A002 - Qdrant's name
    ) -> Answer:
        """Answer a question; takes and raises what ``search`` does, and what the chat raises."""
        passages = self.search(question, filter=filter)
        if not passages:
            return Answer(_NOTHING_FOUND)
        text = self._chat(messages(question, passages, self._context))
        return read_answer(text, passages)

    def _delete_from(self, counts: Mapping[str, int]) -> None:
        """Delete the passages of documents from a number on."""
        self._retriever.delete(
            filter={
                "$or": [
                    {DOCUMENT_FIELD: document, NUMBER_FIELD: {"gte": count}}
                    for document, count in counts.items()
                ]
            }
        )


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
