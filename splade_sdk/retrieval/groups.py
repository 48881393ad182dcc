"""Hits grouped by a field of the metadata: the best documents of the best parents.

Groups are made here, of a ranking that is fetched until it shows enough of them. The engine's own
grouping would fetch each leg anew under filters that exclude or select groups, which changes ranks
and so fused scores; and the embedded engine has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from qdrant_client import models
from qdrant_client.local.payload_value_extractor import value_by_key

from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.payload import document_id
from splade_sdk.retrieval.query_vectors import Asked
from splade_sdk.retrieval.search import Candidate, SearchOptions, rank, read_hits
from splade_sdk.types import GroupKey, HitGroup

__all__ = ["search_groups"]

_PREFETCH_A_HIT = 4
_LEAST_DEPTH = 100
_MOST_ROUNDS = 5

Groups = dict[GroupKey, list[Candidate]]


class _By(NamedTuple):
    """What groups are made by, and how large they are."""

    path: str
    size: int


def search_groups(
    collection: Collection, asked: Asked, options: SearchOptions, *, path: str, group_size: int
) -> list[HitGroup]:
    """Return the groups of the best hits, the group of the best hit first.

    A fused ranking is as deep as it must be to show ``options.limit`` groups, but not deeper than
    16 times what a plain search takes. In a ranking by one leg, groups that it has not shown or
    not filled are searched for by filters, which change no scores; hits that are found so have no
    rank to tell.

    Args:
        collection: Where to look.
        asked: The vectors of the query.
        options: The rest; ``limit`` counts groups.
        path: Payload path of the field.
        group_size: Hits of a group at most.
    """
    by = _By(path, group_size)
    if asked.fused:
        groups = _of_fused(collection, asked, options, by)
    else:
        groups = _of_one_leg(collection, asked, options, by)
    pages = read_hits(collection, list(groups.values()), options)
    return [HitGroup(key, tuple(hits)) for key, hits in zip(groups, pages, strict=True)]


def _of_fused(collection: Collection, asked: Asked, options: SearchOptions, by: _By) -> Groups:
    depth = options.prefetch_limit or _depth(options, by)
    for _ in range(_MOST_ROUNDS):
        deep = replace(options, prefetch_limit=depth)
        [ranking] = rank(collection, [(asked, deep)], fields=(by.path,))
        ranking.sort(key=lambda each: (-each.score, document_id(each.point.payload)))
        groups = _grouped(ranking, options.limit, by)
        seen = max((leg.rank for each in ranking for leg in each.legs.values()), default=0)
        if len(groups) == options.limit or seen < depth or options.prefetch_limit is not None:
            break
        depth *= 2
    return groups


def _of_one_leg(collection: Collection, asked: Asked, options: SearchOptions, by: _By) -> Groups:
    deep = replace(options, limit=_depth(options, by))
    [ranking] = rank(collection, [(asked, deep)], fields=(by.path,))
    groups = _grouped(ranking, options.limit, by)
    if len(ranking) < deep.limit:
        return groups
    without = models.IsEmptyCondition(is_empty=models.PayloadField(key=by.path))
    for _ in range(_MOST_ROUNDS):
        if len(groups) == options.limit:
            break
        # From here on groups that are known are left out, and documents that are in none.
        left_out = [without, *(_is_in(by, key) for key in groups)]
        rest = replace(deep, filter=_also(options.filter, must_not=left_out))
        [ranking] = rank(collection, [(asked, rest)], fields=(by.path,))
        more = _grouped(ranking, options.limit - len(groups), by)
        if not more:
            break
        groups |= {key: _without_ranks(hits) for key, hits in more.items()}
    return groups | _filled(collection, asked, options, by, groups)


def _filled(
    collection: Collection, asked: Asked, options: SearchOptions, by: _By, groups: Groups
) -> Groups:
    """Return the groups that were not full, each searched for by itself, in one call."""
    short = [key for key, hits in groups.items() if len(hits) < by.size]
    # More than are needed, as a few may meet the filter and yet be in no group; see _keys.
    deep = replace(options, limit=2 * by.size + 8)
    jobs = [
        (asked, replace(deep, filter=_also(options.filter, [_is_in(by, key)]))) for key in short
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


def _depth(options: SearchOptions, by: _By) -> int:
    return max(_LEAST_DEPTH, _PREFETCH_A_HIT * options.limit * by.size)


def _grouped(ranking: Sequence[Candidate], limit: int, by: _By) -> Groups:
    groups: Groups = {}
    for candidate in ranking:
        for key in _keys(candidate.point.payload, by.path):
            if key in groups or len(groups) < limit:
                hits = groups.setdefault(key, [])
                if len(hits) < by.size:
                    hits.append(candidate)
    return groups


def _keys(payload: Mapping[str, Any], path: str) -> list[GroupKey]:
    """Return the groups of a document: as in Qdrant, none if one value is no string or integer."""
    values = value_by_key(dict(payload), path) or []
    if any(type(value) not in (str, int) for value in values):
        return []
    return list(dict.fromkeys(values))


def _is_in(by: _By, key: GroupKey) -> models.FieldCondition:
    return models.FieldCondition(key=by.path, match=models.MatchValue(value=key))


def _also(
    given: models.Filter | None, must: Sequence[Any] = (), must_not: Sequence[Any] = ()
) -> models.Filter:
    return models.Filter(must=[*([given] if given else []), *must], must_not=list(must_not) or None)
