"""evaluate: how good an encoder, or a retriever, is on a test collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Literal

from splade_sdk.config import CollectionSettings
from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.evaluation.datasets import BeirDataset
from splade_sdk.evaluation.engines import Ranking
from splade_sdk.evaluation.metrics import mean_metrics, query_metrics, require_metrics
from splade_sdk.evaluation.outcome import Outcome
from splade_sdk.evaluation.report import EvaluationReport, RunReport
from splade_sdk.evaluation.run_cache import RunCache, cache_key
from splade_sdk.evaluation.searching import search_corpus, search_retriever
from splade_sdk.retrieval.retriever import Retriever

__all__ = ["DEFAULT_METRICS", "evaluate", "evaluate_run"]

DEFAULT_METRICS = ("nDCG@10", "RR@10", "R@100")


def evaluate(
    system: SparseEncoder | Retriever,
    dataset: BeirDataset,
    *,
    name: str | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
    engine: Literal["embedded", "memory"] = "embedded",
    settings: CollectionSettings | None = None,
    batch_size: int | None = None,
    ignore_identical_ids: bool = False,
    cache: str | Path | None = None,
    show_progress_bar: bool | None = None,
) -> EvaluationReport:
    """Search a test collection with every judged query and score what is found.

    An encoder's documents are indexed first, among the temporary files; a retriever is searched
    as it is, so its collection must hold the dataset's documents under the dataset's ids.

    Args:
        system: An encoder, or a retriever over the indexed corpus.
        dataset: From ``load_dataset``.
        name: What to call the system; None for the name of the encoder's model.
        metrics: As ir-measures writes them, such as ``nDCG@10``.
        limit: Hits fetched for each query at most; no metric may look deeper.
        engine: For an encoder: ``embedded`` searches Qdrant in process, ``memory`` the exact
            reference, which holds all vectors in memory.
        settings: For an encoder: layout of the collection, such as the type of its weights.
        batch_size: Texts encoded in one pass at most; None leaves it to the encoder.
        ignore_identical_ids: Do not count a hit with the query's own id, as BEIR does: needed
            where queries are documents of the corpus (ArguAna, Quora).
        cache: For an encoder: a folder that keeps what was found, under a hash of the encoder,
            the texts and the engine, so that the next evaluation neither encodes nor searches.
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
    found: Outcome | None = None
    if isinstance(system, Retriever):
        outcome = search_retriever(
            system,
            dataset,
            limit=limit,
            batch_size=batch_size,
            ignore_identical_ids=ignore_identical_ids,
        )
    else:
        kept = RunCache(cache) if cache is not None else None
        key = (
            ""
            if kept is None
            else cache_key(
                encoder,
                dataset,
                engine=_engine_version(engine),
                settings=settings or CollectionSettings(),
                limit=limit,
                ignore_identical_ids=ignore_identical_ids,
            )
        )
        found = kept.load(key) if kept else None
        outcome = found or search_corpus(
            encoder,
            dataset,
            limit=limit,
            engine=engine,
            settings=settings,
            batch_size=batch_size,
            ignore_identical_ids=ignore_identical_ids,
            show_progress_bar=show_progress_bar,
        )
        if kept and not found:
            kept.store(key, outcome)
    started = perf_counter()
    judged = evaluate_run(
        outcome.run, dataset, name=name or encoder.fingerprint.model, metrics=metrics, limit=limit
    )
    return EvaluationReport(
        name=judged.name,
        dataset=judged.dataset,
        split=judged.split,
        limit=limit,
        metrics=judged.metrics,
        per_query=judged.per_query,
        run=judged.run,
        model=encoder.fingerprint.model,
        engine="retriever" if isinstance(system, Retriever) else engine,
        queries=outcome.queries,
        documents=outcome.documents,
        flops=outcome.flops,
        relevant_missing=outcome.relevant_missing,
        index_bytes=outcome.index_bytes,
        search_p50_ms=outcome.search_p50_ms,
        search_p95_ms=outcome.search_p95_ms,
        seconds=replace(outcome.seconds, metrics=perf_counter() - started),
        cached=found is not None,
    )


def evaluate_run(
    run: Mapping[str, Sequence[tuple[str, float]]],
    dataset: BeirDataset,
    *,
    name: str,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
) -> RunReport:
    """Score hits that are there already, such as those of ``read_run``.

    Args:
        run: Found documents with their scores by query id.
        dataset: From ``load_dataset``; its corpus is not read.
        name: What to call the system.
        metrics: As ir-measures writes them, such as ``nDCG@10``.
        limit: Hits that count for each query at most; no metric may look deeper.

    Raises:
        ConfigError: if there is no such metric, or one looks deeper.
        MissingDependencyError: if ir-measures is not installed.
    """
    require_metrics(metrics, limit=limit)
    cut: dict[str, Ranking] = {
        query_id: sorted(run.get(query_id, ()), key=lambda hit: (-hit[1], hit[0]))[:limit]
        for query_id in dataset.qrels
    }
    per_query = query_metrics(dataset.qrels, cut, metrics)
    return RunReport(
        name=name,
        dataset=dataset.name,
        split=dataset.split,
        limit=limit,
        metrics=mean_metrics(per_query),
        per_query=per_query,
        run=cut,
    )


def _engine_version(engine: str) -> str:
    package = "qdrant-edge-py" if find_spec("qdrant_edge") else "qdrant-client"
    return f"{package} {version(package)}" if engine == "embedded" else engine
