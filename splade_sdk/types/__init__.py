"""The values that travel through the package; their invariants are checked when they are made."""

from splade_sdk.types.activation import Place, TermActivation
from splade_sdk.types.document import Document, GroupKey, Hit, HitGroup, Leg
from splade_sdk.types.explanation import Explanation, TermMatch
from splade_sdk.types.health import DoctorReport, Finding
from splade_sdk.types.hybrid import HybridBatch, HybridVector
from splade_sdk.types.report import FailedBatch, IngestReport, UpgradeReport
from splade_sdk.types.sparse import SparseBatch, SparseVector
from splade_sdk.types.sparsity import SparsityStats

__all__ = [
    "DoctorReport",
    "Document",
    "Explanation",
    "FailedBatch",
    "Finding",
    "GroupKey",
    "Hit",
    "HitGroup",
    "HybridBatch",
    "HybridVector",
    "IngestReport",
    "Leg",
    "Place",
    "SparseBatch",
    "SparseVector",
    "SparsityStats",
    "TermActivation",
    "TermMatch",
    "UpgradeReport",
]
