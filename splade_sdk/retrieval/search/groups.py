"""Hits grouped by a field of the metadata: the best documents of the best parents.

Groups are made here, of a ranking that is fetched until it shows enough of them. The engine's own
grouping would fetch each leg anew under filters that exclude or select groups, which changes ranks
and so fused scores; and the embedded engine has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qdrant_client import models

from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.filters import to_filter
from splade_sdk.qdrant.payload import document_id, values_at
from splade_sdk.retrieval.search.run import Candidate, Job, rank, read_hits
from splade_sdk.types import GroupKey, HitGroup

__all__ = ["search_groups"]

_PREFETCH_A_HIT = 4
_LEAST_DEPTH = 100
_MOST_ROUNDS = 5


class _Key(NamedTuple):
    """The value of a group; True and 1, which Python takes for equal, are two groups."""

    is_bool: bool
    value: GroupKey


Groups = dict[_Key, list[Candidate]]


class _By(NamedTuple):
    """What groups are made by, and how large they are."""

    path: str
    size: int


def search_groups(
    collection: Collection, job: Job, *, path: str, group_size: int
) -> list[HitGroup]:
    """Return the groups of the best hits, the group of the best hit first.

    A fused ranking is as deep as it must be to show ``options.limit`` groups, but not deeper than
    16 times what a plain search takes. In a ranking by one leg, groups that it has not shown or
    not filled are searched for by filters, which change no scores; hits that are found so have no
    rank to give.

    Args:
        collection: Where to look.
        job: The query; the ``limit`` of its options counts groups.
        path: Payload path of the field.
        group_size: Hits of a group at most.
    """
    by = _By(path, group_size)
    groups = (_of_fused if job.query.fused else _of_one_leg)(collection, job, by)
    pages = read_hits(collection, list(groups.values()), job)
    return [HitGroup(key.value, tuple(hits)) for key, hits in zip(groups, pages, strict=True)]


def _of_fused(collection: Collection, job: Job, by: _By) -> Groups:
    options = job.options
    depth = options.prefetch_limit or _depth(job, by)
    for _ in range(_MOST_ROUNDS):
        [ranking] = rank(collection, [job.changed(prefetch_limit=depth)], fields=(by.path,))
        ranking.sort(key=lambda each: (-each.score, document_id(each.point.payload)))
        groups = _grouped(ranking, options.limit, by)
        seen = max((leg.rank for each in ranking for leg in each.legs.values()), default=0)
        if len(groups) == options.limit or seen < depth or options.prefetch_limit is not None:
            break
        depth *= 2
    return groups


def _of_one_leg(collection: Collection, job: Job, by: _By) -> Groups:
    limit, depth = job.options.limit, _depth(job, by)
    deep = job.changed(limit=depth)
    [ranking] = rank(collection, [deep], fields=(by.path,))
    groups = _grouped(ranking, limit, by)
    if len(ranking) < depth:
        return groups
    ungrouped = models.IsEmptyCondition(is_empty=models.PayloadField(key=by.path))
    for _ in range(_MOST_ROUNDS):
        if len(groups) == limit:
            break
        # From here on groups that are known are left out, and documents that are in none.
        left_out = [ungrouped, *(_is_in(by, key) for key in groups)]
        rest = deep.changed(filter=_also(job.options.filter, must_not=left_out))
        [ranking] = rank(collection, [rest], fields=(by.path,))
        more = _grouped(ranking, limit - len(groups), by)
        if not more:
            break
        groups |= {key: _without_ranks(hits) for key, hits in more.items()}
    return groups | _filled(collection, job, by, groups)


def _filled(collection: Collection, job: Job, by: _By, groups: Groups) -> Groups:
    """Return the groups that were not full, each searched for by itself, in one request."""
    short = [key for key, hits in groups.items() if len(hits) < by.size]
    # More than are needed, as a few may meet the filter and yet be in no group; see _keys.
    jobs = [
        job.changed(limit=2 * by.size + 8, filter=_also(job.options.filter, [_is_in(by, key)]))
        for key in short
    ]
    made: Groups = {}
    for key, ranking in zip(short, rank(collection, jobs, fields=(by.path,)), strict=True):
        known = {each.point.id for each in groups[key]}
        more = [
            each
            for each in ranking
            if each.point.id not in known and key in _keys(each.point.payload, by.path)
        ]
        made[key] = [*groups[key], *_without_ranks(more)][: by.size]
    return made


def _without_ranks(found_by_filter: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates without the ranks they have only among those that meet a filter."""
    return [each._replace(legs={}) for each in found_by_filter]


def _depth(job: Job, by: _By) -> int:
    return max(_LEAST_DEPTH, _PREFETCH_A_HIT * job.options.limit * by.size)


def _grouped(ranking: Sequence[Candidate], limit: int, by: _By) -> Groups:
    groups: Groups = {}
    for candidate in ranking:
        for key in _keys(candidate.point.payload, by.path):
            if key in groups or len(groups) < limit:
                hits = groups.setdefault(key, [])
                if len(hits) < by.size:
                    hits.append(candidate)
    return groups


def _keys(payload: Mapping[str, Any], path: str) -> list[_Key]:
    """Return the groups of a document: none if one of its values is an object, a list or null."""
    values = values_at(payload, path)
    if not all(isinstance(value, str | int | float) for value in values):
        return []
    return list(dict.fromkeys(_Key(isinstance(value, bool), value) for value in values))


def _is_in(by: _By, key: _Key) -> models.FieldCondition:
    if isinstance(key.value, float):
        equal = models.Range(gte=key.value, lte=key.value)
        return models.FieldCondition(key=by.path, range=equal)
    return models.FieldCondition(key=by.path, match=models.MatchValue(value=key.value))


def _also(
    given: Mapping[str, Any] | models.Filter | None,
    must: Sequence[Any] = (),
    must_not: Sequence[Any] = (),
) -> models.Filter:
    own = to_filter(given)
    return models.Filter(must=[*([own] if own else []), *must], must_not=list(must_not) or None)
