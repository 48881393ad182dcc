"""Retrieval metrics by name, computed by ir-measures (trec_eval's definitions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from splade_sdk.errors import ConfigError, MissingDependencyError

__all__ = ["mean_metrics", "query_metrics", "ranked", "require_metrics"]

Qrels = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Sequence[tuple[str, float]]]


def require_metrics(names: Sequence[str], *, limit: int) -> None:
    """Check that metrics exist and see deep enough, before anything slow is done.

    Args:
        names: As ir-measures writes them: ``nDCG@10``, ``RR@10``, ``R@100``, ``AP``, ``P@5``,
            ``Success@5``, ``RR(rel=2)@10``.
        limit: Hits of a query that will be there at most.

    Raises:
        ConfigError: if there is no such metric, none is named, or one looks beyond ``limit``.
        MissingDependencyError: if ir-measures is not installed.
    """
    if isinstance(names, str) or not names:
        raise ConfigError(f"metrics is {names!r}: expected a list of names, such as ['nDCG@10']")
    for name, measure in _measures(names).items():
        cutoff = measure.params.get("cutoff")
        if cutoff is not None and cutoff > limit:
            raise ConfigError(
                f"{name} looks at {cutoff} hits, but limit is {limit}: raise limit to {cutoff}"
            )


def query_metrics(qrels: Qrels, run: Run, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the metrics of each judged query, as query id -> name -> value.

    Hits count in the order of ``ranked``. A judged query without hits scores 0.

    Args:
        qrels: Relevance of judged documents, by query id and document id.
        run: Found documents with their scores, by query id.
        names: See ``require_metrics``.

    Raises:
        ConfigError: if there is no such metric.
        MissingDependencyError: if ir-measures is not installed.
    """
    import ir_measures

    measures = _measures(names)
    values = {query_id: dict.fromkeys(measures, 0.0) for query_id in qrels}
    judged = {query_id: dict(judgements) for query_id, judgements in qrels.items()}
    hits = {query_id: _by_rank(run.get(query_id, ())) for query_id in qrels}
    for name, measure in measures.items():
        for result in ir_measures.iter_calc([measure], judged, hits):
            values[result.query_id][name] = float(result.value)
    return values


def mean_metrics(per_query: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over all queries, by name.

    Args:
        per_query: From ``query_metrics``, of at least one query.
    """
    names = next(iter(per_query.values()))
    return {
        name: sum(values[name] for values in per_query.values()) / len(per_query) for name in names
    }


def ranked(hits: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return hits in trec_eval's order, in which all metrics see them.

    Scores fall; equal scores are ordered by document id, the greater one (by code points) first.

    Args:
        hits: Document ids with their scores, in any order.
    """
    return sorted(hits, key=lambda hit: (hit[1], hit[0]), reverse=True)


def _by_rank(hits: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return scores without ties, which ir-measures' providers would break in different ways."""
    return {document: float(len(hits) - at) for at, (document, _) in enumerate(ranked(hits))}


def _measures(names: Sequence[str]) -> dict[str, Any]:
    return {name: _measure(name) for name in names}


def _measure(name: str) -> Any:
    """Return the measure, after a trial: only that shows whether it can be computed here."""
    try:
        import ir_measures
    except ImportError as error:
        raise MissingDependencyError.for_extra("ir-measures", "eval") from error
    # What a bad name raises is anything from NameError to KeyError.
    try:
        measure = ir_measures.parse_measure(name)
    except Exception as error:
        raise _no_metric(name, error) from error
    cutoff = measure.params.get("cutoff", 1)
    if cutoff < 1:
        raise ConfigError(f"{name} looks at {cutoff} hits: expected 1 or more")
    try:
        list(ir_measures.iter_calc([measure], {"1": {"1": 1}}, {"1": {"1": 1.0}}))
    except Exception as error:
        raise _no_metric(name, error) from error
    return measure


def _no_metric(name: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the metric {name!r} cannot be computed ({type(error).__name__}: {error}): expected names "
        "such as 'nDCG@10', 'RR@10', 'R@100', 'AP', 'P@5' or 'Success@5'"
    )
