"""evaluate: how good an encoder, or a retriever, is on a test collection."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from splade_sdk.caller import stacklevel
from splade_sdk.config import CollectionSettings
from splade_sdk.datasets.beir import BeirDataset
from splade_sdk.encoders.base import DenseEncoder, SparseEncoder
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.evaluation.engines import Ranking, VectorFusion
from splade_sdk.evaluation.metrics import mean_metrics, query_metrics, ranked, require_metrics
from splade_sdk.evaluation.report import EvaluationReport, Outcome, RunReport
from splade_sdk.evaluation.run_cache import RunCache, cache_keys
from splade_sdk.evaluation.searching import EngineName, search_corpus, search_retriever
from splade_sdk.evaluation.vectors import VectorMaker
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.fusion import RRF, Fusion
from splade_sdk.retrieval.search.options import Mode

__all__ = ["DEFAULT_METRICS", "evaluate", "evaluate_modes", "evaluate_run"]

DEFAULT_METRICS = ("nDCG@10", "RR@10", "R@100")
_RRF = RRF()


def evaluate(
    system: SparseEncoder | Retriever,
    dataset: BeirDataset,
    *,
    mode: Mode = "sparse",
    dense_encoder: DenseEncoder | None = None,
    fusion: Fusion = _RRF,
    prefetch_limit: int | None = None,
    name: str | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
    engine: EngineName = "embedded",
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
        mode: ``sparse``, ``dense`` or ``hybrid``; bag of words is sparse, by ``Bm25Encoder``.
        dense_encoder: Makes the dense vectors; None for the dense head of the sparse encoder.
        fusion: How a hybrid search fuses its legs.
        prefetch_limit: Hits of each leg that a hybrid search fuses; None as in
            ``Retriever.search``.
        name: What to call the system; None for the name of the encoder's model, and the mode.
        metrics: As ir-measures writes them, such as ``nDCG@10``.
        limit: Hits fetched for each query at most; no metric may look deeper.
        engine: For an encoder: ``embedded`` searches Qdrant in process, ``memory`` the exact
            reference, which holds all vectors in memory.
        settings: For an encoder: layout of the collection, such as the type of its weights.
        batch_size: Texts encoded in one pass at most; None leaves it to the encoder.
        ignore_identical_ids: Do not count a hit with the query's own id, as BEIR does: needed
            where queries are documents of the corpus (ArguAna, Quora).
        cache: For an encoder: a folder that keeps what was found, under a hash of the encoders,
            the texts and the engine, so that the next evaluation neither encodes nor searches.
        show_progress_bar: None shows one on a terminal, for work that takes a while.

    Raises:
        ConfigError: if a setting does not exist or is out of range, or if there is no dense
            encoder, and the mode needs one.
        InvalidDataError: if a line of the corpus cannot be used.
        MissingDependencyError: if ir-measures is not installed.
        EngineError: if documents cannot be stored or searched.

    Example:
        >>> dataset = load_dataset("scifact")  # doctest: +SKIP
        >>> evaluate(SpladeEncoder(max_length=256), dataset).metrics["nDCG@10"]  # doctest: +SKIP
        0.644
    """
    if not isinstance(system, Retriever):
        (report,) = evaluate_modes(
            system,
            dataset,
            [mode],
            dense_encoder=dense_encoder,
            fusion=fusion,
            prefetch_limit=prefetch_limit,
            metrics=metrics,
            limit=limit,
            engine=engine,
            settings=settings,
            batch_size=batch_size,
            ignore_identical_ids=ignore_identical_ids,
            cache=cache,
            show_progress_bar=show_progress_bar,
        )
        return report if name is None else replace(report, name=name)
    _require(metrics, limit, engine)
    _warn_of_queries_in_corpus(dataset, ignore_identical_ids)
    outcome = search_retriever(
        VectorMaker(system.encoder, dense_encoder, [mode], batch_size),
        system,
        dataset,
        mode,
        limit=limit,
        fused=VectorFusion(fusion, prefetch_limit),
        ignore_identical_ids=ignore_identical_ids,
    )
    model = system.encoder.fingerprint.model
    report = _report(outcome, dataset, metrics, limit, mode, None, model, engine="retriever")
    return report if name is None else replace(report, name=name)


def evaluate_modes(
    encoder: SparseEncoder,
    dataset: BeirDataset,
    modes: Sequence[Mode],
    *,
    dense_encoder: DenseEncoder | None = None,
    fusion: Fusion = _RRF,
    prefetch_limit: int | None = None,
    name: str | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
    engine: EngineName = "embedded",
    settings: CollectionSettings | None = None,
    batch_size: int | None = None,
    ignore_identical_ids: bool = False,
    cache: str | Path | None = None,
    show_progress_bar: bool | None = None,
) -> list[EvaluationReport]:
    """Evaluate an encoder in several modes of search, encoding every text once.

    Each mode has a collection of its own with the vectors it needs, so that sizes and times are
    those of the mode alone.

    Args:
        encoder: Makes the sparse vectors.
        dataset: As in ``evaluate``, also for the rest.
        modes: Some of ``sparse``, ``dense`` and ``hybrid``.
        dense_encoder: Makes the dense vectors.
        fusion: How a hybrid search fuses its legs.
        prefetch_limit: Hits of each leg that a hybrid search fuses.
        name: What to call the encoder; the mode is added, where it is not ``sparse``.
        metrics: As ir-measures writes them.
        limit: Hits fetched for each query at most.
        engine: What searches.
        settings: Layout of the collections.
        batch_size: Texts encoded in one pass at most.
        ignore_identical_ids: Do not count a hit with the query's own id.
        cache: Where hits are kept.
        show_progress_bar: Whether to draw a bar.

    Returns:
        A report for each mode, in their order.

    Raises:
        ConfigError: what ``evaluate`` raises, also of the rest.
        InvalidTypeError: if it is no sparse encoder.
        EngineError: if documents cannot be stored or searched.
    """
    _require(metrics, limit, engine)
    if not isinstance(encoder, SparseEncoder):
        raise InvalidTypeError(
            f"system is {type(encoder).__name__}: expected a sparse encoder or a Retriever"
        )
    _warn_of_queries_in_corpus(dataset, ignore_identical_ids)
    fused = VectorFusion(fusion, prefetch_limit)
    maker = VectorMaker(encoder, dense_encoder, modes, batch_size)
    found: dict[Mode, Outcome] = {}
    keys: dict[Mode, str] = {}
    kept = RunCache(cache) if cache is not None else None
    if kept:
        keys = cache_keys(
            encoder,
            maker,
            dataset,
            modes,
            fused=fused,
            engine=_engine_version(engine),
            settings=settings or CollectionSettings(),
            limit=limit,
            ignore_identical_ids=ignore_identical_ids,
        )
        found = {mode: each for mode in modes if (each := kept.load(keys[mode]))}
    missing = [mode for mode in dict.fromkeys(modes) if mode not in found]
    searched: dict[Mode, Outcome] = {}
    if missing:
        searched = search_corpus(
            VectorMaker(encoder, dense_encoder, missing, batch_size),
            encoder,
            dataset,
            missing,
            limit=limit,
            engine=engine,
            settings=settings,
            fused=fused,
            ignore_identical_ids=ignore_identical_ids,
            show_progress_bar=show_progress_bar,
        )
    if kept:
        for mode, outcome in searched.items():
            kept.store(keys[mode], outcome)
    model = encoder.fingerprint.model
    return [
        _report(
            {**found, **searched}[mode],
            dataset,
            metrics,
            limit,
            mode,
            name,
            model,
            engine=engine,
            cached=mode in found,
        )
        for mode in modes
    ]


def evaluate_run(
    run: Mapping[str, Sequence[tuple[str, float]]],
    dataset: BeirDataset,
    *,
    name: str,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = 100,
) -> RunReport:
    """Score hits that are there already, such as those of ``read_run``.

    Hits are ordered as trec_eval orders them: by score, highest first, and equal scores by
    document id, the greater one first.

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
        query_id: ranked(run.get(query_id, ()))[:limit] for query_id in dataset.qrels
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


def _require(metrics: Sequence[str], limit: int, engine: str) -> None:
    if limit < 1:
        raise ConfigError(f"limit is {limit}: expected at least 1")
    if engine not in ("embedded", "memory"):
        raise ConfigError(f"engine is {engine!r}: expected 'embedded' or 'memory'")
    require_metrics(metrics, limit=limit)


def _warn_of_queries_in_corpus(dataset: BeirDataset, ignore_identical_ids: bool) -> None:
    if dataset.queries_in_corpus and not ignore_identical_ids:
        warnings.warn(
            f"{dataset.queries_in_corpus:,} of {len(dataset.queries):,} queries of "
            f"{dataset.name!r} are documents of the corpus, and find themselves: BEIR leaves such "
            "hits out, as ignore_identical_ids=True (--ignore-identical-ids) does",
            stacklevel=stacklevel(),
        )


def _report(
    outcome: Outcome,
    dataset: BeirDataset,
    metrics: Sequence[str],
    limit: int,
    mode: Mode,
    name: str | None,
    model: str,
    *,
    engine: str,
    cached: bool = False,
) -> EvaluationReport:
    started = perf_counter()
    called = f"{name or model}{'' if mode == 'sparse' else f' ({mode})'}"
    judged = evaluate_run(outcome.run, dataset, name=called, metrics=metrics, limit=limit)
    return EvaluationReport(
        name=judged.name,
        dataset=judged.dataset,
        split=judged.split,
        limit=limit,
        metrics=judged.metrics,
        per_query=judged.per_query,
        run=judged.run,
        model=model,
        mode=mode,
        engine=engine,
        queries=outcome.queries,
        documents=outcome.documents,
        flops=outcome.flops,
        relevant_missing=outcome.relevant_missing,
        index_bytes=outcome.index_bytes,
        search_p50_ms=outcome.search_p50_ms,
        search_p95_ms=outcome.search_p95_ms,
        seconds=replace(outcome.seconds, metrics=perf_counter() - started),
        cached=cached,
    )


def _engine_version(engine: str) -> str:
    package = "qdrant-edge-py" if find_spec("qdrant_edge") else "qdrant-client"
    return f"{package} {version(package)}" if engine == "embedded" else engine
