"""What a LangChain user does first, run against the installed wheel with the extra."""

from __future__ import annotations

import sys

from langchain_core.documents import Document
from langchain_qdrant import QdrantVectorStore, RetrievalMode

from splade_integrations.langchain import SpladeSparseEmbeddings, SpladeVectorStore
from splade_sdk import Retriever, SpladeEncoder

encoder = SpladeEncoder()
texts = {"a": "how to treat a heart attack", "b": "growing tomatoes in a greenhouse"}
documents = [Document(id=key, page_content=text) for key, text in texts.items()]
with Retriever(path="langchain-index", encoder=encoder) as retriever:
    store = SpladeVectorStore(retriever)
    store.add_documents(documents)
    found = store.as_retriever(search_kwargs={"k": 1}).invoke("cardiac arrest")
if [each.id for each in found] != ["a"]:
    sys.exit(f"unexpected result: {found}")
theirs = QdrantVectorStore.from_texts(
    list(texts.values()),
    sparse_embedding=SpladeSparseEmbeddings(encoder),
    retrieval_mode=RetrievalMode.SPARSE,
    location=":memory:",
)
if theirs.similarity_search("cardiac arrest", k=1)[0].page_content != texts["a"]:
    sys.exit("unexpected result in QdrantVectorStore")
print("smoke: installed package works in LangChain")
