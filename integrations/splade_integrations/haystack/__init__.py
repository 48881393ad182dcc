"""SPLADE in Haystack: sparse embedders, and our engine as its document store and retriever.

Needs ``pip install 'splade-sdk[haystack]'``. Pipelines are loaded with
``Pipeline.load(file, allowed_modules=["splade_integrations.*"])``.
"""

from splade_sdk.errors import MissingDependencyError

try:
    from splade_integrations.haystack.document_embedder import SpladeSparseDocumentEmbedder
    from splade_integrations.haystack.document_store import SpladeDocumentStore
    from splade_integrations.haystack.retriever import SpladeRetriever
    from splade_integrations.haystack.text_embedder import SpladeSparseTextEmbedder
except ModuleNotFoundError as error:
    raise MissingDependencyError.for_extra(str(error.name), "haystack") from error

__all__ = [
    "SpladeDocumentStore",
    "SpladeRetriever",
    "SpladeSparseDocumentEmbedder",
    "SpladeSparseTextEmbedder",
]
