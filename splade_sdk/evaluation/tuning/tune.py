"""tune: the search settings that suit a collection, by judged queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from splade_sdk.errors import ConfigError
from splade_sdk.evaluation.metrics import require_metrics
from splade_sdk.evaluation.searching import EngineName
from splade_sdk.evaluation.significance import paired_test
from splade_sdk.evaluation.tuning.cross_validation import Chooser, cross_validate
from splade_sdk.evaluation.tuning.legs import LegRuns
from splade_sdk.evaluation.tuning.report import TuningPoint, TuningReport, TuningSeconds
from splade_sdk.evaluation.tuning.scoring import SettingScorer
from splade_sdk.evaluation.tuning.search_space import TuningSpace
from splade_sdk.retrieval.retriever import Retriever
from splade_sdk.retrieval.search.options import SearchOptions, SearchSettings

__all__ = ["tune"]


def tune(
    retriever: Retriever,
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    metric: str = "nDCG@10",
    limit: int = 10,
    tolerance: float = 0.0,
    folds: int = 5,
    space: TuningSpace | None = None,
    engine: EngineName = "embedded",
    seed: int = 0,
    show_progress_bar: bool | None = None,
) -> TuningReport:
    """Find search settings by judged queries: mode, fusion, depth, pruning, storage.

    No document is encoded: the vectors are read from the collection. The hits of each leg are found
    once for each pruning, and all fusions are computed from them, as a search computes them.
    Settings are searched by coordinates, from what is searched by default.

    What tuning is worth is told by cross-validation: for each of some folds of the queries,
    settings are chosen by the other folds. The report recommends the defaults, unless that gains
    by more than chance; or, with a tolerance, makes searches cheaper and loses no more.

    Args:
        retriever: Its collection holds the documents that are judged, with all their terms; what
            its search settings say does not count.
        queries: Texts by query id, such as ``BeirDataset.queries``.
        qrels: Relevance of judged documents, by query id and document id; only these queries
            count.
        metric: As ir-measures writes it.
        limit: Hits that a search will ask for; the metric may look no deeper.
        tolerance: Mean of the metric that may be lost to make searches cheaper; 0 for the best.
        folds: Parts that queries are dealt out to.
        space: What is tried; None for the usual.
        engine: What searches the sparse leg: ``embedded``, or ``memory`` for the exact reference,
            which knows no types of weights.
        seed: Of the dealing.
        show_progress_bar: Draw a bar on stderr; None shows one on a terminal.

    Raises:
        ConfigError: if there is no such metric, it looks deeper, a number is out of range, or
            there are fewer queries than folds.
        InvalidInputError: if the collection has no documents.
        MissingDependencyError: if ir-measures is not installed.
        EngineError: if the engine fails.

    Example:
        >>> data = load_dataset("my-data", "train")  # doctest: +SKIP
        >>> report = tune(retriever, data.queries, data.qrels)  # doctest: +SKIP
        >>> report.recommended.save("tuned.json")  # doctest: +SKIP
    """
    _require(queries, qrels, metric, limit, tolerance, folds)
    space = space or TuningSpace()
    modes = retriever.modes
    default = SearchSettings(mode=modes[-1])
    started = perf_counter()
    runs = LegRuns(
        retriever,
        [queries[each] for each in qrels],
        depth=_deepest(space, limit),
        engine=engine,
        show_progress_bar=show_progress_bar,
    )
    with runs:
        prepared = perf_counter()
        scorer = SettingScorer(runs, qrels, metric, limit)
        chooser = Chooser(space, modes, default, scorer.values, scorer.bytes_read, tolerance)
        validated = cross_validate(chooser, scorer.values, len(qrels), folds, seed)
        chosen = chooser.choose(np.arange(len(qrels)))
        decided = perf_counter()
        points = _points(runs, scorer, default, _shown(space, default, chosen))
    baseline = scorer.values(default)
    return TuningReport(
        metric=metric,
        queries=len(qrels),
        folds=folds,
        tolerance=tolerance,
        default=default,
        default_value=float(baseline.mean()),
        chosen=chosen,
        gain=paired_test(validated.values.tolist(), baseline.tolist(), seed=seed),
        choices=validated.choices,
        points=points,
        scored=scorer.scored,
        seconds=TuningSeconds(
            prepare=prepared - started,
            choose=decided - prepared,
            measure=perf_counter() - decided,
        ),
    )


def _require(
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    metric: str,
    limit: int,
    tolerance: float,
    folds: int,
) -> None:
    if limit < 1:
        raise ConfigError(f"limit is {limit}: expected at least 1")
    require_metrics([metric], limit=limit)
    if tolerance < 0:
        raise ConfigError(f"tolerance is {tolerance}: expected 0 or more, such as 0.01")
    if folds < 2:
        raise ConfigError(f"folds is {folds}: expected at least 2")
    if len(qrels) < folds:
        raise ConfigError(
            f"there are {len(qrels)} judged queries for {folds} folds: judge more queries; below "
            "about 50, no setting can be told from another"
        )
    if missing := next((each for each in qrels if each not in queries), None):
        raise ConfigError(f"there is no text of the judged query {missing!r} in queries")


def _deepest(space: TuningSpace, limit: int) -> int:
    return max(
        limit,
        *(
            SearchOptions(limit=limit, prefetch_limit=each).prefetch()
            for each in (None, *space.prefetch_limits)
        ),
    )


def _shown(
    space: TuningSpace, default: SearchSettings, chosen: SearchSettings
) -> list[SearchSettings]:
    """Return the settings that the report compares, each once."""
    plain = chosen.model_copy(update={"datatype": None})
    shown = [default, chosen, *space.prunings(plain), *space.storages(chosen)]
    return list({each.model_dump_json(): each for each in shown}.values())


def _points(
    runs: LegRuns, scorer: SettingScorer, default: SearchSettings, shown: Sequence[SearchSettings]
) -> tuple[TuningPoint, ...]:
    baseline = scorer.values(default).tolist()
    points = [
        TuningPoint(
            settings=each,
            value=float(scorer.values(each).mean()),
            difference=paired_test(scorer.values(each).tolist(), baseline),
            bytes_read=scorer.bytes_read(each),
            postings=0.0 if each.mode == "dense" else runs.postings(each),
            index_bytes=None if each.mode == "dense" else runs.index_bytes(each),
            search_ms=_search_ms(runs, each, scorer.depth(each)),
        )
        for each in shown
    ]
    return tuple(
        replace(each, frontier=not any(_dominates(other, each) for other in points))
        for each in points
    )


def _search_ms(runs: LegRuns, settings: SearchSettings, depth: int) -> float:
    sparse = 0.0 if settings.mode == "dense" else runs.sparse_ms(settings, depth)
    return sparse + (0.0 if settings.mode == "sparse" else runs.dense_ms(depth))


def _dominates(one: TuningPoint, other: TuningPoint) -> bool:
    """Return whether one is nowhere worse, and somewhere better."""

    def places(of: TuningPoint) -> tuple[float, float, float]:
        return -of.value, of.bytes_read, float(of.index_bytes or 0)

    pairs = list(zip(places(one), places(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
