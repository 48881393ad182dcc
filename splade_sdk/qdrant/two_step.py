"""Search in two steps: a short query over short documents chooses what the long ones rank."""

from __future__ import annotations

from pydantic import Field

from splade_sdk.config import Settings

__all__ = ["TwoStep"]


class TwoStep(Settings):
    """How a search in two steps goes (Two-Step SPLADE, Lassance et al. 2024, arXiv 2404.13357).

    The heaviest terms of the query are compared with the pruned vectors of all documents, and the
    best candidates are ranked by the whole query and their whole vectors. Both happen in one
    request. Scores are those of a plain search; a document may be missed that the first step puts
    behind ``candidates`` others. The collection needs ``CollectionSettings(pruned=...)``.

    Attributes:
        query_terms: Heaviest terms of the query that the first step keeps.
        candidates: Documents that the second step ranks; never fewer than are asked for.
    """

    query_terms: int = Field(default=8, gt=0)
    candidates: int = Field(default=200, gt=0)
