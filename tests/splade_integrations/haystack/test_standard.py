"""Haystack's own standard tests, over our document store."""

from __future__ import annotations

import pytest

pytest.importorskip("haystack")
pytest.importorskip("haystack_integrations")

from haystack import Document
from haystack.document_stores.types import DuplicatePolicy
from haystack.testing.document_store import (
    CountDocumentsTest,
    DeleteDocumentsTest,
    FilterDocumentsTest,
    WriteDocumentsTest,
)
from haystack.testing.document_store_async import (
    CountDocumentsAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    WriteDocumentsAsyncTest,
)

from splade_integrations.haystack import SpladeDocumentStore


class TestSpladeDocumentStore(
    CountDocumentsTest,
    DeleteDocumentsTest,
    FilterDocumentsTest,
    WriteDocumentsTest,
    CountDocumentsAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    WriteDocumentsAsyncTest,
):
    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        # The order is the engine's; a store of sparse vectors keeps no dense ones.
        def shown(documents: list[Document]) -> list[tuple[str, object, object]]:
            return sorted((each.id, each.content, each.meta) for each in documents)

        assert shown(received) == shown(expected)

    def test_write_documents(self, document_store: SpladeDocumentStore) -> None:
        document = Document(content="a text")
        assert document_store.write_documents([document]) == 1
        assert document_store.write_documents([document]) == 1
        assert document_store.write_documents([document], DuplicatePolicy.OVERWRITE) == 1
        assert document_store.count_documents() == 1

    async def test_write_documents_async(self, document_store: SpladeDocumentStore) -> None:
        assert await document_store.write_documents_async([Document(content="a text")]) == 1
        assert await document_store.count_documents_async() == 1
