"""Cuts a stream of documents into batches of bounded size; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from splade_sdk.errors import InvalidInputError, InvalidTypeError
from splade_sdk.types import Document

__all__ = ["MAX_BATCH_CHARACTERS", "document_batches"]

MAX_BATCH_CHARACTERS = 4_000_000


def document_batches(
    documents: Iterable[Document],
    *,
    batch_size: int,
    max_characters: int = MAX_BATCH_CHARACTERS,
) -> Iterator[list[Document]]:
    """Yield batches of documents with distinct ids, reading no further than the batch in hand.

    Of documents with the same id in one batch the last one stays, in the first one's place. A
    batch ends at ``batch_size`` documents or with the document that brings its texts to
    ``max_characters``, whichever comes first.

    Args:
        documents: Any iterable; read once.
        batch_size: Documents in a batch at most, at least 1.
        max_characters: Characters of text after which a batch ends.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable of Document; the message names the
            position of the offender. Batches before it have been yielded, its own has not.
        InvalidInputError: if ``batch_size`` is below 1.
    """
    if batch_size < 1:
        raise InvalidInputError(f"batch_size is {batch_size}: expected 1 or more")
    batch: dict[str, Document] = {}
    characters = 0
    for position, document in enumerate(_iterate(documents)):
        if not isinstance(document, Document):
            raise InvalidTypeError(
                f"documents[{position}] is {type(document).__name__}: expected a Document"
                + _advice(document)
            )
        batch[document.id] = document
        characters += len(document.text)
        if len(batch) == batch_size or characters >= max_characters:
            yield list(batch.values())
            batch, characters = {}, 0
    if batch:
        yield list(batch.values())


def _iterate(documents: object) -> Iterator[object]:
    if isinstance(documents, Document):
        raise InvalidTypeError("documents is one Document: expected an iterable, as in [document]")
    if isinstance(documents, str | bytes | dict) or not isinstance(documents, Iterable):
        raise InvalidTypeError(
            f"documents is {type(documents).__name__}: expected an iterable of Document"
            + _advice(documents)
        )
    return iter(documents)


def _advice(given: object) -> str:
    if isinstance(given, dict):
        return ", as in Document(id='a1', text='...', metadata={...}) or Document(**row)"
    if isinstance(given, str):
        return ", as in Document(id='a1', text='...')"
    return ""
