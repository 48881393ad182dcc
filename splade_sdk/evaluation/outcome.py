"""What searching a dataset gave and cost, before anything is judged; what a cache keeps."""

from __future__ import annotations

from dataclasses import dataclass

from splade_sdk.evaluation.engines import Ranking
from splade_sdk.evaluation.report import Seconds, SideReport

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The hits of every query, and what finding them took; attributes are those of the report."""

    run: dict[str, Ranking]
    queries: SideReport
    documents: SideReport | None
    flops: float | None
    relevant_missing: int | None
    index_bytes: int | None
    search_p50_ms: float
    search_p95_ms: float
    seconds: Seconds
