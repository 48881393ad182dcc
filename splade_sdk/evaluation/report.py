"""What an evaluation found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["EvaluationReport", "SideReport"]


@dataclass(frozen=True, slots=True)
class SideReport:
    """What the encoder made of one side, queries or documents.

    Attributes:
        texts: Texts encoded.
        empty: Texts whose vector has no term.
        active_dims: Mean number of active terms a text.
        encode_s: Seconds spent encoding.
    """

    texts: int
    empty: int
    active_dims: float
    encode_s: float

    @property
    def texts_per_s(self) -> float:
        """Texts encoded in a second."""
        return self.texts / self.encode_s if self.encode_s else 0.0


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """How good one encoder is on one dataset, and what it costs.

    Attributes:
        dataset: Name of the dataset.
        split: Which of its judgements.
        model: The encoder, as its fingerprint names it.
        engine: What was searched: ``embedded``, ``memory`` or ``retriever``.
        limit: Hits fetched for each query at most.
        metrics: Mean over all judged queries, by metric.
        per_query: Value of each judged query, as query id -> metric -> value.
        queries: The query side.
        documents: The document side; None where a collection was searched as it was.
        flops: Expected number of terms that a query and a document share (see
            ``ActiveTerms.flops``); None where the documents are not known.
        relevant_missing: Judged relevant documents that the corpus does not have, which no
            system can find; None where the documents are not known.
        search_p50_ms: Median time of one search, without encoding, in milliseconds.
        search_p95_ms: Time that 95 % of all searches stay below, in milliseconds.
    """

    dataset: str
    split: str
    model: str
    engine: str
    limit: int
    metrics: Mapping[str, float]
    per_query: Mapping[str, Mapping[str, float]]
    queries: SideReport
    documents: SideReport | None
    flops: float | None
    relevant_missing: int | None
    search_p50_ms: float
    search_p95_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)
