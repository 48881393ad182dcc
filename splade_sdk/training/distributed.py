"""Sums, means and gathers over the ranks of a data-parallel run, through which gradients flow.

The gradients are those of one process with the whole batch. Every rank computes the same loss L
from sums over ranks; the backward pass of such a sum adds the gradients of all W ranks, so each
rank holds ``W * dL/d(own rows)``, and the mean over ranks that DistributedDataParallel takes
gives ``dL/d(parameters)``. Without an initialised process group these are the plain functions.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["batch_mean", "gather_rows", "mean_over_ranks", "sum_over_ranks", "world_size"]


def world_size() -> int:
    """Return the number of ranks, 1 where no process group is initialised."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_ranks(values: Tensor) -> Tensor:
    """Return the sum of a tensor over ranks.

    Args:
        values: The same shape on every rank.
    """
    if world_size() == 1:
        return values
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total


def mean_over_ranks(total: Tensor, count: Tensor | int) -> Tensor:
    """Return ``sum over ranks of total / sum over ranks of count``, 0 where nothing is counted.

    Args:
        total: Sum over this rank's rows, of any shape.
        count: Number of this rank's rows; ranks may differ.
    """
    rows = torch.as_tensor(count, dtype=total.dtype, device=total.device).detach()
    return sum_over_ranks(total) / sum_over_ranks(rows).clamp_min(1.0)


def batch_mean(rows: Tensor) -> Tensor:
    """Return the mean row of the batch over all ranks.

    Args:
        rows: Shape: ``(batch, ...)``; ranks may differ in ``batch``.

    Returns:
        Shape: ``(...)``.
    """
    return mean_over_ranks(rows.sum(dim=0), rows.shape[0])


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Stack the rows of all ranks, in the order of the ranks.

    Args:
        rows: Shape: ``(batch, ...)``; ranks may differ in ``batch``.

    Returns:
        All rows, shape ``(sum of the batches, ...)``, and where this rank's rows start.
    """
    if world_size() == 1:
        return rows, 0
    counts = _counts(rows)
    stacked: Tensor = _Stack.apply(rows, counts)  # type: ignore[no-untyped-call]
    return stacked, sum(counts[: dist.get_rank()])


class _Sum(torch.autograd.Function):
    """Sum over ranks; the gradient of a rank's values is the sum of all ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        total = values.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # noqa: ARG004
        return _Sum.forward(None, grads[0])


class _Stack(torch.autograd.Function):
    """Rows of all ranks; the gradient of a rank's rows is the sum of all ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: list[int]) -> Tensor:
        ctx.counts = counts
        # Ranks may differ in their number of rows, but not in what they send.
        padded = torch.cat([rows, rows.new_zeros((max(counts) - len(rows), *rows.shape[1:]))])
        gathered = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(gathered, padded)
        return torch.cat([part[:count] for part, count in zip(gathered, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        total = _Sum.forward(None, grads[0])
        return total.split(ctx.counts)[dist.get_rank()], None


def _counts(rows: Tensor) -> list[int]:
    """Return the number of rows of each rank."""
    own = torch.tensor([rows.shape[0]], dtype=torch.int64, device=rows.device)
    counts = [torch.empty_like(own) for _ in range(world_size())]
    dist.all_gather(counts, own)
    return [int(count) for count in counts]
