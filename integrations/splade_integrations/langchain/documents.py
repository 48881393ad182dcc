"""Our documents and hits <-> LangChain's documents; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from langchain_core.documents import Document as LangChainDocument

from splade_sdk.errors import InvalidInputError
from splade_sdk.types import Document, Hit

__all__ = ["content_id", "from_langchain", "of_texts", "to_langchain", "with_ids"]


def content_id(document: LangChainDocument) -> str:
    """Return an id made of a document's text and metadata: the same document, the same id.

    Random ids, which LangChain's stores use, would store a document again each time it is added.
    """
    # Metadata that JSON cannot hold is refused later, by name.
    metadata = json.dumps(document.metadata, sort_keys=True, default=str)
    content = json.dumps([document.page_content, metadata])
    return blake2b(content.encode(), digest_size=16).hexdigest()


def of_texts(
    texts: Iterable[str],
    metadatas: Sequence[Mapping[str, Any]] | None,
    ids: Sequence[str | None] | None,
) -> list[LangChainDocument]:
    """Return the documents of texts.

    LangChain's own way drops texts for which there is no id, and says nothing.

    Args:
        texts: The texts.
        metadatas: Metadata of each; None for none.
        ids: An id or None for each; None for none.

    Raises:
        InvalidInputError: if there are not as many of one as of the other.
    """
    contents = list(texts)
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(contents):
            raise InvalidInputError(
                f"{len(given)} {name} for {len(contents)} texts: expected one each, or "
                f"{name}=None for none"
            )
    facts = metadatas if metadatas is not None else [{}] * len(contents)
    names = ids if ids is not None else [None] * len(contents)
    return [
        LangChainDocument(id=one, page_content=text, metadata=dict(metadata))
        for text, metadata, one in zip(contents, facts, names, strict=True)
    ]


def with_ids(documents: Sequence[LangChainDocument], ids: Sequence[str | None] | None) -> list[str]:
    """Return the id of each document: the one given, its own, or one made of its content.

    Args:
        documents: What is to be added.
        ids: An id or None for each document; None for their own.

    Raises:
        InvalidInputError: if there are not as many ids as documents.
    """
    if ids is not None and len(ids) != len(documents):
        raise InvalidInputError(
            f"{len(ids)} ids for {len(documents)} documents: expected one each, or ids=None for "
            "the documents' own"
        )
    given = ids if ids is not None else [None] * len(documents)
    return [
        one or document.id or content_id(document)
        for one, document in zip(given, documents, strict=True)
    ]


def from_langchain(document: LangChainDocument, document_id: str) -> Document:
    """Return what is stored of a LangChain document."""
    return Document(document_id, document.page_content, document.metadata)


def to_langchain(found: Document | Hit) -> LangChainDocument:
    """Return the LangChain document of a stored one, with its id and metadata as they were."""
    return LangChainDocument(
        id=found.id, page_content=found.text, metadata=cast("dict[str, object]", found.metadata)
    )
