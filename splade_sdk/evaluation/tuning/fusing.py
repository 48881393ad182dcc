"""Fuses cached legs as a search does, for all queries and many fusions; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_sdk.evaluation.tuning.exact_search import Leg
from splade_sdk.retrieval.search.fusion import Fusion

__all__ = ["Candidates", "candidates", "fused"]


class Candidates(NamedTuple):
    """What the two legs of one query found, at some depth.

    Attributes:
        documents: All of them, in the order of their ids. Shape: ``(documents,)``.
        sparse: Scores of the sparse leg, best first. Shape: ``(sparse hits,)``.
        dense: Scores of the dense leg, best first. Shape: ``(dense hits,)``.
        places: Where in ``documents`` the hits of the sparse leg stand, then those of the dense
            one. Shape: ``(sparse hits + dense hits,)``.
    """

    documents: NDArray[np.int64]
    sparse: NDArray[np.float64]
    dense: NDArray[np.float64]
    places: NDArray[np.int64]


def candidates(sparse: Sequence[Leg], dense: Sequence[Leg], depth: int) -> list[Candidates]:
    """Return what all queries are to fuse.

    Args:
        sparse: The sparse leg of each query.
        dense: The dense leg of each query.
        depth: Hits of each leg that are fused.
    """
    return [
        _candidates(_first(one, depth), _first(other, depth))
        for one, other in zip(sparse, dense, strict=True)
    ]


def _first(leg: Leg, depth: int) -> Leg:
    return Leg(leg.documents[:depth], leg.scores[:depth])


def _candidates(sparse: Leg, dense: Leg) -> Candidates:
    documents, places = np.unique(
        np.concatenate([sparse.documents, dense.documents]), return_inverse=True
    )
    return Candidates(documents, sparse.scores, dense.scores, places)


def fused(found: Candidates, fusion: Fusion, limit: int) -> Leg:
    """Return the best documents of one query, highest score first, ties by id.

    The sums are those of ``Fusion.fuse``, bit by bit: first the sparse leg, then the dense one.

    Args:
        found: From ``candidates``.
        fusion: How to fuse.
        limit: Hits wanted.
    """
    split = found.sparse.size
    sparse = fusion.leg_scores("sparse", found.sparse)
    dense = fusion.leg_scores("dense", found.dense)
    counted = np.zeros(found.documents.size, dtype=bool)
    scores = np.zeros(found.documents.size, dtype=np.float64)
    for given, places in ((sparse, found.places[:split]), (dense, found.places[split:])):
        if given is not None:  # no document comes twice in one leg
            scores[places] += given
            counted[places] = True
    order = np.flatnonzero(counted)
    order = order[np.argsort(-scores[order], kind="stable")][:limit]
    return Leg(found.documents[order], scores[order])
