"""evaluate: how good an encoder, or a retriever, is on a test collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Literal

import numpy as np
from tqdm.auto import tqdm

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.evaluation.active_terms import ActiveTerms
from splade_sdk.evaluation.datasets import BeirDataset
from splade_sdk.evaluation.engines import CollectionEngine, Ranking, RetrieverEngine, Searcher
from splade_sdk.evaluation.metrics import mean_metrics, query_metrics, require_metrics
from splade_sdk.evaluation.report import EvaluationReport, SideReport
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.open import open_collection
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.types import Document, SparseBatch

__all__ = ["DEFAULT_METRICS", "evaluate"]

DEFAULT_METRICS = ("nDCG@10", "RR@10", "R@100")

# Documents encoded and stored at a time.
_BLOCK = 1024


def evaluate(
    system: SparseEncoder | Retriever,
    dataset: BeirDataset,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
    engine: Literal["embedded", "memory"] = "embedded",
    batch_size: int | None = None,
    ignore_identical_ids: bool = False,
    show_progress_bar: bool | None = None,
) -> EvaluationReport:
    """Search a test collection with every judged query and score what is found.

    An encoder's documents are indexed first, among the temporary files; a retriever is searched
    as it is, so its collection must hold the dataset's documents under the dataset's ids.

    Args:
        system: An encoder, or a retriever over the indexed corpus.
        dataset: From ``load_dataset``.
        metrics: As ir-measures writes them, such as ``nDCG@10``.
        limit: Hits fetched for each query at most; no metric may look deeper.
        engine: For an encoder: ``embedded`` searches Qdrant in process, ``memory`` the exact
            reference, which holds all vectors in memory.
        batch_size: Texts encoded in one pass at most; None leaves it to the encoder.
        ignore_identical_ids: Do not count a hit with the query's own id, as BEIR does: needed
            where queries are documents of the corpus (ArguAna, Quora).
        show_progress_bar: None shows one on a terminal, for work that takes a while.

    Raises:
        ConfigError: if a setting does not exist or is out of range.
        InvalidDataError: if a line of the corpus cannot be used.
        MissingDependencyError: if ir-measures is not installed.
        EngineError: if documents cannot be stored or searched.

    Example:
        >>> dataset = load_dataset("scifact")  # doctest: +SKIP
        >>> evaluate(SpladeEncoder(max_length=256), dataset).metrics["nDCG@10"]  # doctest: +SKIP
        0.644
    """
    if limit < 1:
        raise ConfigError(f"limit is {limit}: expected at least 1")
    if engine not in ("embedded", "memory"):
        raise ConfigError(f"engine is {engine!r}: expected 'embedded' or 'memory'")
    require_metrics(metrics, limit=limit)
    encoder = system.encoder if isinstance(system, Retriever) else system
    if not isinstance(encoder, SparseEncoder):
        raise InvalidTypeError(
            f"system is {type(system).__name__}: expected a sparse encoder or a Retriever"
        )
    queries, vectors = _encode_queries(encoder, dataset, batch_size)
    with ExitStack() as stack:
        documents: _Documents | None = None
        searched: Searcher
        if isinstance(system, Retriever):
            searched = RetrieverEngine(system)
        else:
            collection = stack.enter_context(closing(_collection(encoder.fingerprint, engine)))
            searched = filled = CollectionEngine(collection)
            corpus = tqdm(
                dataset.corpus(),
                desc=f"Indexing {dataset.name}",
                unit="doc",
                disable=None if show_progress_bar is None else not show_progress_bar,
                delay=2.0 if show_progress_bar is None else 0.0,
            )
            documents = _index(corpus, encoder, filled, batch_size, _relevant(dataset))
        run, seconds = _search(
            searched, list(dataset.queries), vectors, limit, ignore_identical_ids
        )
    per_query = query_metrics(dataset.qrels, run, metrics)
    return EvaluationReport(
        dataset=dataset.name,
        split=dataset.split,
        model=encoder.fingerprint.model,
        engine="retriever" if isinstance(system, Retriever) else engine,
        limit=limit,
        metrics=mean_metrics(per_query),
        per_query=per_query,
        queries=queries.report(),
        documents=documents.side.report() if documents else None,
        flops=queries.terms.flops(documents.side.terms) if documents else None,
        relevant_missing=documents.relevant_missing if documents else None,
        search_p50_ms=1000 * float(np.percentile(seconds, 50)),
        search_p95_ms=1000 * float(np.percentile(seconds, 95)),
    )


def _collection(fingerprint: Fingerprint, engine: Literal["embedded", "memory"]) -> Collection:
    if engine == "memory":
        from splade_sdk.qdrant.memory import MemoryCollection

        return MemoryCollection(fingerprint)
    return open_collection(":memory:", name="evaluation", fingerprint=fingerprint)


@dataclass(slots=True)
class _Side:
    terms: ActiveTerms
    encode_s: float = 0.0

    def report(self) -> SideReport:
        return SideReport(
            texts=self.terms.rows,
            empty=self.terms.empty,
            active_dims=self.terms.active_dims,
            encode_s=self.encode_s,
        )


@dataclass(slots=True)
class _Documents:
    side: _Side
    relevant_missing: int


def _encode_queries(
    encoder: SparseEncoder, dataset: BeirDataset, batch_size: int | None
) -> tuple[_Side, SparseBatch]:
    side = _Side(ActiveTerms())
    started = perf_counter()
    vectors = encoder.encode_query(
        list(dataset.queries.values()), batch_size=batch_size, show_progress_bar=False
    )
    side.encode_s = perf_counter() - started
    side.terms.add(vectors)
    return side, vectors


def _index(
    corpus: Iterable[Document],
    encoder: SparseEncoder,
    engine: CollectionEngine,
    batch_size: int | None,
    relevant: set[str],
) -> _Documents:
    """Encode and store the corpus, a block at a time."""
    side = _Side(ActiveTerms())
    for block in _blocks(corpus):
        started = perf_counter()
        vectors = encoder.encode_document(
            [document.text for document in block], batch_size=batch_size, show_progress_bar=False
        )
        side.encode_s += perf_counter() - started
        side.terms.add(vectors)
        ids = [document.id for document in block]
        relevant.difference_update(ids)
        engine.add(ids, vectors)
    return _Documents(side, len(relevant))


def _blocks(corpus: Iterable[Document]) -> Iterator[list[Document]]:
    documents = iter(corpus)
    while block := list(islice(documents, _BLOCK)):
        yield block


def _relevant(dataset: BeirDataset) -> set[str]:
    return {
        document_id
        for judgements in dataset.qrels.values()
        for document_id, relevance in judgements.items()
        if relevance > 0
    }


def _search(
    engine: Searcher, ids: list[str], vectors: SparseBatch, limit: int, ignore_identical_ids: bool
) -> tuple[dict[str, Ranking], list[float]]:
    """Return the hits of each query, and how many seconds each search took."""
    wanted = limit + ignore_identical_ids
    engine.search(vectors[0], wanted)  # not timed: opens files and fills caches
    run: dict[str, Ranking] = {}
    seconds = []
    for query_id, vector in zip(ids, vectors, strict=True):
        started = perf_counter()
        hits = engine.search(vector, wanted)
        seconds.append(perf_counter() - started)
        if ignore_identical_ids:
            hits = [hit for hit in hits if hit[0] != query_id][:limit]
        run[query_id] = hits
    return run, seconds
