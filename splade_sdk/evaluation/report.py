"""What an evaluation found, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from splade_sdk.evaluation.engines import Ranking

__all__ = ["EvaluationReport", "Outcome", "RunReport", "Seconds", "SideReport"]


@dataclass(frozen=True, slots=True)
class SideReport:
    """What the encoder made of one side, queries or documents.

    Attributes:
        texts: Texts encoded.
        empty: Texts whose vector has no term.
        active_dims: Mean number of active terms a text.
        encode_s: Seconds spent encoding.
        lengths: Number of texts by their number of active terms.
    """

    texts: int
    empty: int
    active_dims: float
    encode_s: float
    lengths: Mapping[int, int] = field(default_factory=dict)

    @property
    def texts_per_s(self) -> float:
        """Texts encoded in a second."""
        return self.texts / self.encode_s if self.encode_s else 0.0


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time of an evaluation went.

    Attributes:
        encode: Encoding queries and documents.
        index: Storing vectors in the engine, and making its index.
        search: Searching with every query.
        metrics: Computing metrics.
        other: Reading the corpus, and counting terms.
    """

    encode: float = 0.0
    index: float = 0.0
    search: float = 0.0
    metrics: float = 0.0
    other: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.encode + self.index + self.search + self.metrics + self.other


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hits and costs of a search, before anything is judged; the run cache keeps it.

    Attributes are those of EvaluationReport.
    """

    run: dict[str, Ranking]
    queries: SideReport
    documents: SideReport | None
    flops: float | None
    relevant_missing: int | None
    index_bytes: int | None
    search_p50_ms: float
    search_p95_ms: float
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How good a run is: the hits of one system for the queries of one dataset.

    Attributes:
        name: What to call the system.
        dataset: Name of the dataset.
        split: Which of its judgements.
        limit: Hits for each query at most.
        metrics: Mean over all judged queries, by metric.
        per_query: Value of each judged query, as query id -> metric -> value.
        run: Found documents with their scores, best first, by query id.
    """

    name: str
    dataset: str
    split: str
    limit: int
    metrics: Mapping[str, float]
    per_query: Mapping[str, Mapping[str, float]]
    run: Mapping[str, Ranking] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the run is left out (see ``write_run``)."""
        values = asdict(self)
        del values["run"]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport(RunReport):
    """How good one encoder is on one dataset, and what it costs.

    Attributes:
        model: The encoder, as its fingerprint names it.
        mode: By which vectors: ``sparse``, ``dense`` or ``hybrid``.
        engine: What was searched: ``embedded``, ``memory`` or ``retriever``.
        queries: The query side.
        documents: The document side; None where a collection was searched as it was.
        flops: Expected number of terms that a query and a document share (see
            ``ActiveTerms.flops``); None where the documents are not known.
        relevant_missing: Judged relevant documents that the corpus does not have, which no
            system can find; None where the documents are not known.
        index_bytes: Size of the engine's files with text left out; None where it keeps none.
        search_p50_ms: Median time of one search, without encoding, in milliseconds.
        search_p95_ms: Time that 95 % of all searches stay below, in milliseconds.
        seconds: Where the time went.
        cached: Whether the run was read from a cache; times but ``metrics`` are then those of the
            evaluation that made it.
    """

    model: str
    mode: str
    engine: str
    queries: SideReport
    documents: SideReport | None
    flops: float | None
    relevant_missing: int | None
    index_bytes: int | None
    search_p50_ms: float
    search_p95_ms: float
    seconds: Seconds
    cached: bool = False
