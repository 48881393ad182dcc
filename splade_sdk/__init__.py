"""SPLADE learned sparse retrieval on Qdrant.

>>> from splade_sdk import Document, Retriever, SpladeEncoder  # doctest: +SKIP

Names load on first use (PEP 562): importing this package loads neither torch nor
transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splade_sdk.config import (
        CollectionSettings,
        DenseSettings,
        HnswSettings,
        PrunedSettings,
        ServerSettings,
    )
    from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
    from splade_sdk.encoders.bm25 import Bm25Encoder
    from splade_sdk.encoders.remote import RemoteEncoder
    from splade_sdk.encoders.remote_async import AsyncRemoteEncoder
    from splade_sdk.encoders.splade import SpladeEncoder
    from splade_sdk.errors import SpladeError
    from splade_sdk.qdrant.two_step import TwoStep
    from splade_sdk.retrieval.async_retriever import AsyncRetriever
    from splade_sdk.retrieval.ingest.options import UpsertOptions
    from splade_sdk.retrieval.retriever import Retriever
    from splade_sdk.retrieval.search.fusion import DBSF, RRF, Fusion, Weighted
    from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings
    from splade_sdk.retry import RetrySettings
    from splade_sdk.types import (
        DoctorReport,
        Document,
        Explanation,
        FailedBatch,
        Finding,
        Hit,
        HitGroup,
        HybridBatch,
        HybridVector,
        IngestReport,
        SparseBatch,
        SparseVector,
        UpgradeReport,
    )

__version__ = "0.1.0"

_HOMES = {
    "AsyncRemoteEncoder": "splade_sdk.encoders.remote_async",
    "AsyncRetriever": "splade_sdk.retrieval.async_retriever",
    "Bm25Encoder": "splade_sdk.encoders.bm25",
    "CollectionSettings": "splade_sdk.config",
    "HnswSettings": "splade_sdk.config",
    "ServerSettings": "splade_sdk.config",
    "DBSF": "splade_sdk.retrieval.search.fusion",
    "DenseEncoder": "splade_sdk.encoders.base",
    "DenseSettings": "splade_sdk.config",
    "Document": "splade_sdk.types",
    "Hit": "splade_sdk.types",
    "HybridVector": "splade_sdk.types",
    "DoctorReport": "splade_sdk.types",
    "Finding": "splade_sdk.types",
    "IngestReport": "splade_sdk.types",
    "UpgradeReport": "splade_sdk.types",
    "PrunedSettings": "splade_sdk.config",
    "RRF": "splade_sdk.retrieval.search.fusion",
    "Retriever": "splade_sdk.retrieval.retriever",
    "RemoteEncoder": "splade_sdk.encoders.remote",
    "RetrySettings": "splade_sdk.retry",
    "SearchSettings": "splade_sdk.retrieval.search.options",
    "SparseBatch": "splade_sdk.types",
    "SparseEncoder": "splade_sdk.encoders.base",
    "SparseVector": "splade_sdk.types",
    "SpladeEncoder": "splade_sdk.encoders.splade",
    "SpladeError": "splade_sdk.errors",
    "TwoStep": "splade_sdk.qdrant.two_step",
    "Explanation": "splade_sdk.types",
    "FailedBatch": "splade_sdk.types",
    "Fusion": "splade_sdk.retrieval.search.fusion",
    "HitGroup": "splade_sdk.types",
    "HybridBatch": "splade_sdk.types",
    "SearchOptions": "splade_sdk.retrieval.search.options",
    "UpsertOptions": "splade_sdk.retrieval.ingest.options",
    "Weighted": "splade_sdk.retrieval.search.fusion",
}

__all__ = [
    "DBSF",
    "RRF",
    "AsyncRemoteEncoder",
    "AsyncRetriever",
    "Bm25Encoder",
    "CollectionSettings",
    "DenseEncoder",
    "DenseSettings",
    "DoctorReport",
    "Document",
    "Explanation",
    "FailedBatch",
    "Finding",
    "Fusion",
    "Hit",
    "HitGroup",
    "HnswSettings",
    "HybridBatch",
    "HybridVector",
    "IngestReport",
    "PrunedSettings",
    "RemoteEncoder",
    "Retriever",
    "RetrySettings",
    "SearchOptions",
    "SearchSettings",
    "ServerSettings",
    "SparseBatch",
    "SparseEncoder",
    "SparseVector",
    "SpladeEncoder",
    "SpladeError",
    "TwoStep",
    "UpgradeReport",
    "UpsertOptions",
    "Weighted",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(import_module(home), name)
    raise AttributeError(f"module 'splade_sdk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
