"""Teachers behind one protocol: given scores, cross-encoder, dense, sparse, and ensembles."""

from __future__ import annotations

from splade_sdk.training.teachers.base import ScoreArray, Teacher
from splade_sdk.training.teachers.bi_encoder import BiEncoderTeacher, TransformerEmbedder
from splade_sdk.training.teachers.cross_encoder import CrossEncoderTeacher
from splade_sdk.training.teachers.ensemble import EnsembleTeacher
from splade_sdk.training.teachers.given import GivenTeacher
from splade_sdk.training.teachers.sparse import SparseTeacher

__all__ = [
    "BiEncoderTeacher",
    "CrossEncoderTeacher",
    "EnsembleTeacher",
    "GivenTeacher",
    "ScoreArray",
    "SparseTeacher",
    "Teacher",
    "TransformerEmbedder",
]
