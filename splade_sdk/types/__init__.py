"""The values that travel through the package; their invariants are checked when they are made."""

from splade_sdk.types.document import Document, GroupKey, Hit, HitGroup, Leg
from splade_sdk.types.hybrid import HybridBatch, HybridVector
from splade_sdk.types.report import FailedBatch, IngestReport
from splade_sdk.types.sparse import SparseBatch, SparseVector
from splade_sdk.types.sparsity import SparsityStats

__all__ = [
    "Document",
    "FailedBatch",
    "GroupKey",
    "Hit",
    "HitGroup",
    "HybridBatch",
    "HybridVector",
    "IngestReport",
    "Leg",
    "SparseBatch",
    "SparseVector",
    "SparsityStats",
]
