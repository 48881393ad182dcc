"""SPLADE in LlamaIndex: vectors for its Qdrant store, and our engine as its retriever.

Needs ``pip install 'splade-sdk[llama-index]'``.
"""

from splade_sdk.errors import MissingDependencyError

try:
    from splade_integrations.llama_index.embedding import SpladeSparseEmbedding
    from splade_integrations.llama_index.retriever import SpladeRetriever
    from splade_integrations.llama_index.sparse_functions import sparse_doc_fn, sparse_query_fn
except ModuleNotFoundError as error:
    raise MissingDependencyError.for_extra(str(error.name), "llama-index") from error

__all__ = ["SpladeRetriever", "SpladeSparseEmbedding", "sparse_doc_fn", "sparse_query_fn"]
