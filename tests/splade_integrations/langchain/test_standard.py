"""LangChain's own standard tests, over our store and retriever."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain_qdrant")
pytest.importorskip("langchain_tests")

from langchain_core.documents import Document
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from splade_integrations.langchain import EmbeddingsEncoder, SpladeRetriever, SpladeVectorStore
from tests.splade_integrations.conftest import SERVERS, MakeRetriever, url_of
from tests.splade_integrations.fakes import CommonTermEncoder
from tests.unit.fakes import WordEncoder


class TestSpladeVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, make_retriever: MakeRetriever) -> VectorStore:
        return SpladeVectorStore(make_retriever(CommonTermEncoder()))


class TestHybridSpladeVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, make_retriever: MakeRetriever) -> VectorStore:
        dense = EmbeddingsEncoder(self.get_embeddings())
        return SpladeVectorStore(make_retriever(WordEncoder(), dense_encoder=dense))


class TestAsyncSpladeVectorStore(VectorStoreIntegrationTests):
    """Over an AsyncRetriever, whose calls are all awaited.

    In threads, for speed; the embedded engine's process is started in test_async.py.
    """

    @pytest.fixture(params=SERVERS)
    def server_url(self, request: pytest.FixtureRequest) -> str | None:
        return url_of(request)

    @pytest.fixture
    def vectorstore(self, make_async_retriever: MakeRetriever) -> VectorStore:
        return SpladeVectorStore(make_async_retriever(CommonTermEncoder()))

    @property
    def has_sync(self) -> bool:
        return False


class TestSpladeRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def filled(self, make_retriever: MakeRetriever) -> None:
        self.store = SpladeVectorStore(make_retriever())
        self.store.add_documents(
            [Document(page_content=f"sparse vector {n}", id=f"d{n}") for n in range(5)]
        )

    @property
    def retriever_constructor(self) -> type[SpladeRetriever]:
        return SpladeRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self.store.retriever}

    @property
    def retriever_query_example(self) -> str:
        return "sparse vector"
