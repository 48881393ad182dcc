"""The scores of a batch: computed once, read by every loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splade_sdk.training.distributed import gather_rows, world_size

__all__ = ["Scores", "Targets", "score_batch"]


@dataclass(frozen=True, slots=True)
class Targets:
    """What the documents of a batch are to its queries; made by the collator.

    Attributes:
        candidates: Columns of each query's own documents, the positive first, then its hard
            negatives; -1 pads. int64. Shape: ``(n_queries, list_length)``.
        document_ids: Number >= 0 that is equal for equal texts. int64. Shape: ``(n_documents,)``.
        relevant_ids: Ids of all documents known to answer each query, the positive among them;
            -1 pads. int64. Shape: ``(n_queries, n_relevant)``.
        teacher: A teacher's score of each candidate, NaN where there is none; None where no query
            has one. float32. Shape: ``(n_queries, list_length)``.
    """

    candidates: Tensor
    document_ids: Tensor
    relevant_ids: Tensor
    teacher: Tensor | None = None

    def to(self, device: torch.device | str) -> Targets:
        """Return the same on another device."""
        return Targets(
            self.candidates.to(device),
            self.document_ids.to(device),
            self.relevant_ids.to(device),
            None if self.teacher is None else self.teacher.to(device),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of this rank's queries against the documents of all ranks.

    Attributes:
        matrix: Inner products. Shape: ``(n_queries, n_documents)``.
        candidates: Columns of each query's own documents, the positive first; -1 pads. int64.
            Shape: ``(n_queries, list_length)``.
        negatives: True where a document may stand as a negative: not known to answer the query,
            and not the copy of a document further left. bool. Shape: ``(n_queries, n_documents)``.
        teacher: A teacher's scores of the candidates, NaN where there is none; None where no
            query has one. Shape: ``(n_queries, list_length)``.
    """

    matrix: Tensor
    candidates: Tensor
    negatives: Tensor
    teacher: Tensor | None = None

    @property
    def positive(self) -> Tensor:
        """Column of each query's positive. Shape: ``(n_queries,)``."""
        return self.candidates[:, 0]

    @property
    def is_candidate(self) -> Tensor:
        """False where ``candidates`` is padding. Shape: ``(n_queries, list_length)``."""
        return self.candidates >= 0

    def of_candidates(self) -> Tensor:
        """Return the scores of the candidates; what stands at padding means nothing.

        Returns:
            Shape: ``(n_queries, list_length)``.
        """
        return self.matrix.gather(1, self.candidates.clamp_min(0))


def score_batch(query_weights: Tensor, document_weights: Tensor, targets: Targets) -> Scores:
    """Score every query of this rank against every document of all ranks.

    A document that occurs on several ranks counts once, so that the loss is that of one process
    with the whole batch.

    Args:
        query_weights: Shape: ``(n_queries, vocabulary)``.
        document_weights: Shape: ``(n_documents, vocabulary)``.
        targets: What the documents are to the queries; columns count this rank's documents.
    """
    documents, start = gather_rows(document_weights)
    ids, _ = gather_rows(targets.document_ids)
    candidates = torch.where(targets.candidates >= 0, targets.candidates + start, -1)
    unique = torch.ones_like(ids, dtype=torch.bool)
    if world_size() > 1:
        first = _first_of_each(ids)
        unique = first == torch.arange(ids.numel(), device=ids.device)
        candidates = torch.where(candidates >= 0, first[candidates.clamp_min(0)], -1)
    relevant = (targets.relevant_ids[:, :, None] == ids[None, None, :]).any(dim=1)
    return Scores(
        matrix=query_weights @ documents.t(),
        candidates=candidates,
        negatives=unique[None, :] & ~relevant,
        teacher=targets.teacher,
    )


def _first_of_each(ids: Tensor) -> Tensor:
    """Return where each id occurs first. Shape: ``(n,)``."""
    _, group = torch.unique(ids, return_inverse=True)
    places = torch.arange(ids.numel(), device=ids.device)
    first = torch.full_like(places, ids.numel()).scatter_reduce_(0, group, places, reduce="amin")
    return first[group]
