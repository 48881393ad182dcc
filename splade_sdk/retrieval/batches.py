"""Cuts a stream of documents into batches of bounded size; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from splade_sdk.errors import InvalidTypeError
from splade_sdk.types import Document

__all__ = [
    "MAX_BATCH_BYTES",
    "begun",
    "document_batches",
    "document_size",
    "require_document",
    "require_documents",
]

MAX_BATCH_BYTES = 4_000_000
"""Size of a batch on the wire, about; a server refuses more than 32 MB."""

_BYTES_A_TERM = 28  # an index and a float32 as JSON text, with commas
_BYTES_A_COORDINATE = 25
_TERMS_A_TEXT = 256  # what a model makes of a text, about; not more than it has characters


def document_batches(
    documents: Iterable[Document],
    *,
    batch_size: int,
    max_bytes: int = MAX_BATCH_BYTES,
) -> Iterator[list[Document]]:
    """Yield batches of documents with distinct ids, reading no further than the batch in hand.

    Of documents with the same id in one batch the last one stays, in the first one's place. A
    batch ends at ``batch_size`` documents or with the document that brings its texts and vectors
    to ``max_bytes``, whichever comes first; a vector that is yet to be made is estimated.

    Args:
        documents: Any iterable; read once.
        batch_size: Documents in a batch at most, at least 1.
        max_bytes: Size after which a batch ends, metadata left aside.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable of Document. Batches before the
            offender have been yielded, its own has not.
    """
    batch: dict[str, Document] = {}
    size = 0
    for document in require_documents(documents):
        batch[document.id] = document
        size += document_size(document)
        if len(batch) == batch_size or size >= max_bytes:
            yield list(batch.values())
            batch, size = {}, 0
    if batch:
        yield list(batch.values())


def begun(documents: Iterable[Document]) -> Iterable[Document]:
    """Return the documents after a look at the first, so that no collection is made for none.

    A stream that breaks before its first document, or has something else in its place, raises here;
    one that is just empty does not.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable that begins with a Document.
    """
    stream = require_documents(documents)
    first = list(islice(stream, 1))
    return documents if isinstance(documents, Sequence) else chain(first, stream)


def require_documents(documents: Iterable[Document]) -> Iterator[Document]:
    """Yield the documents, after a look at each.

    Raises:
        InvalidTypeError: if ``documents`` is not an iterable of Document; the message names the
            position of the offender.
    """
    for position, document in enumerate(_iterate(documents)):
        yield require_document(document, position)


def require_document(document: object, position: int) -> Document:
    """Return a document of a stream.

    Raises:
        InvalidTypeError: if it is none; the message names its position.
    """
    if isinstance(document, Document):
        return document
    raise InvalidTypeError(
        f"documents[{position}] is {type(document).__name__}: expected a Document"
        + _advice(document)
    )


def document_size(document: Document) -> int:
    """Return about how many bytes a document takes on the wire, metadata left aside."""
    text, vector = document.text, document.vector
    terms = min(len(text), _TERMS_A_TEXT) if vector is None else len(vector)
    coordinates = 0 if document.dense is None else document.dense.size
    vectors = terms * _BYTES_A_TERM + coordinates * _BYTES_A_COORDINATE
    return (len(text) if text.isascii() else len(text.encode())) + vectors


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
