"""SPLADE learned sparse retrieval on Qdrant.

>>> from splade_sdk import Document, Retriever, SpladeEncoder  # doctest: +SKIP

Names load on first use (PEP 562): importing this package loads neither torch nor
transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_sdk.config import CollectionSettings
    from splade_sdk.encoders.base import SparseEncoder
    from splade_sdk.encoders.bm25 import Bm25Encoder
    from splade_sdk.encoders.remote import RemoteEncoder
    from splade_sdk.encoders.remote_async import AsyncRemoteEncoder
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.errors import SpladeError
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.retry import RetrySettings
    from splade_sdk.types import Document, Hit, IngestReport, SparseBatch, SparseVector

__version__ = "0.1.0"

_HOMES = {
    "AsyncRemoteEncoder": "splade_sdk.encoders.remote_async",
    "Bm25Encoder": "splade_sdk.encoders.bm25",
    "CollectionSettings": "splade_sdk.config",
    "Document": "splade_sdk.types",
    "Hit": "splade_sdk.types",
    "IngestReport": "splade_sdk.types",
    "Retriever": "splade_sdk.retrieval.retriever",
    "RemoteEncoder": "splade_sdk.encoders.remote",
    "RetrySettings": "splade_sdk.retry",
    "SparseBatch": "splade_sdk.types",
    "SparseEncoder": "splade_sdk.encoders.base",
    "SparseVector": "splade_sdk.types",
    "SpladeEncoder": "splade_sdk.encoders.splade",
    "SpladeError": "splade_sdk.errors",
}

__all__ = [
    "AsyncRemoteEncoder",
    "Bm25Encoder",
    "CollectionSettings",
    "Document",
    "Hit",
    "IngestReport",
    "RemoteEncoder",
    "Retriever",
    "RetrySettings",
    "SparseBatch",
    "SparseEncoder",
    "SparseVector",
    "SpladeEncoder",
    "SpladeError",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(import_module(home), name)
    raise AttributeError(f"module 'splade_sdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
