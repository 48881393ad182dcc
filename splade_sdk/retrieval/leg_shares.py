"""What each leg of a hybrid search gave to a document's fused score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from splade_sdk.qdrant.base import Collection
from splade_sdk.retrieval.fusion import LegName
from splade_sdk.retrieval.query_vectors import Asked
from splade_sdk.retrieval.search import Candidate, SearchOptions, rank

__all__ = ["LegShares", "leg_shares"]


class LegShares(NamedTuple):
    """How a hybrid search finds a document.

    Attributes:
        found: What it finds of the document.
        shares: What each leg gives to the fused score, by leg.
    """

    found: Candidate
    shares: dict[str, float]


def leg_shares(
    collection: Collection, asked: Asked, options: SearchOptions, point: str
) -> LegShares | None:
    """Search again, and take the fused score of one document apart.

    All fusions add up what the legs give, so that each leg fused alone gives its share.

    Args:
        collection: Where to look.
        asked: The vectors of the query.
        options: How it was searched.
        point: Id of the document's point.

    Returns:
        None if neither leg finds the document among the hits that it fetches.
    """
    (candidates,) = rank(collection, [(asked, options)])
    found = next((each for each in candidates if each.point.id == point), None)
    if found is None:
        return None
    shares: dict[str, float] = {}
    for leg in found.legs:
        name = cast(LegName, leg)
        shares[leg] = options.fusion.fuse({name: _leg(candidates, leg)}).get(point, 0.0)
    return LegShares(found, shares)


def _leg(candidates: Sequence[Candidate], leg: str) -> list[tuple[str, float]]:
    """Return the ranking of one leg: it fetched exactly the candidates that carry it."""
    found = [(each.legs[leg], each.point.id) for each in candidates if leg in each.legs]
    found.sort(key=lambda each: each[0].rank)
    return [(point, its.score) for its, point in found]
