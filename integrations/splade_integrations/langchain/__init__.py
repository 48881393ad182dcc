"""SPLADE in LangChain: vectors for its Qdrant store, and our engine as its store and retriever.

Needs ``pip install 'splade-sdk[langchain]'``.
"""

from splade_sdk.errors import MissingDependencyError

try:
    from splade_integrations.langchain.dense import EmbeddingsEncoder, SpladeDenseEmbeddings
    from splade_integrations.langchain.embeddings import SpladeSparseEmbeddings
    from splade_integrations.langchain.retriever import SpladeRetriever
    from splade_integrations.langchain.vectorstore import SpladeVectorStore
except ModuleNotFoundError as error:
    raise MissingDependencyError.for_extra(str(error.name), "langchain") from error

__all__ = [
    "EmbeddingsEncoder",
    "SpladeDenseEmbeddings",
    "SpladeRetriever",
    "SpladeSparseEmbeddings",
    "SpladeVectorStore",
]
