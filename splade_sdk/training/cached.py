"""Gradient caching: a large contrastive batch in the memory of a small one.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (arXiv
2101.06983): encode all texts without gradients, take the loss's gradient with respect to their
vectors, then encode chunk by chunk again and send that gradient on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from splade_sdk.training.model import TokenBatch

__all__ = ["cached_backward"]


def cached_backward(
    model: nn.Module,
    query: TokenBatch,
    document: TokenBatch,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    *,
    chunk_size: int,
    backward: Callable[[Tensor], object] = torch.Tensor.backward,
    no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
    context: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Tensor:
    """Add the gradients of a loss over a whole batch to the parameters.

    Args:
        model: ``model(query, document)`` gives the weights of both, None for a side not given.
        query: The queries.
        document: The documents.
        loss_of: From query and document weights to a scalar.
        chunk_size: Texts that hold activations at a time.
        backward: What runs a backward pass of a chunk (accelerate's, to scale the loss).
        no_sync: Keeps gradients local until the last chunk of a data-parallel model.
        context: Entered around each forward pass (autocast).

    Returns:
        The loss, detached; a scalar.
    """
    chunks = [*_chunks(query, chunk_size, is_query=True), *_chunks(document, chunk_size)]
    random_states = []
    vectors: list[Tensor] = []
    with torch.no_grad():
        for side, chunk in chunks:
            random_states.append(_RandomState(query.input_ids.device))
            with context():
                vectors.append(_encode(model, side, chunk))
    queries = sum(side for side, _ in chunks)
    query_weights = torch.cat(vectors[:queries]).requires_grad_()
    document_weights = torch.cat(vectors[queries:]).requires_grad_()
    with context():
        loss = loss_of(query_weights, document_weights)
    loss.backward()
    sizes = [len(chunk) for _, chunk in chunks]
    gradients = [
        *_gradient(query_weights).split(sizes[:queries]),
        *_gradient(document_weights).split(sizes[queries:]),
    ]
    for at, ((side, chunk), gradient) in enumerate(zip(chunks, gradients, strict=True)):
        last = at == len(chunks) - 1
        with random_states[at], nullcontext() if last else no_sync():
            with context():
                surrogate = (_encode(model, side, chunk) * gradient).sum()
            backward(surrogate)
    return loss.detach()


def _chunks(
    batch: TokenBatch, size: int, *, is_query: bool = False
) -> Iterator[tuple[bool, TokenBatch]]:
    for start in range(0, len(batch), size):
        yield is_query, batch[start : start + size]


def _encode(model: nn.Module, is_query: bool, chunk: TokenBatch) -> Tensor:
    query, document = model(chunk, None) if is_query else model(None, chunk)
    weights: Tensor = query if is_query else document
    return weights


def _gradient(vectors: Tensor) -> Tensor:
    return torch.zeros_like(vectors) if vectors.grad is None else vectors.grad


class _RandomState:
    """Replays the random numbers (dropout) of the first pass in the second."""

    def __init__(self, device: torch.device) -> None:
        self._devices = [device] if device.type == "cuda" else []
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if self._devices else None
        self._fork: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        self._fork = torch.random.fork_rng(devices=self._devices)
        self._fork.__enter__()
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._devices[0])

    def __exit__(self, *error: object) -> None:
        if self._fork is not None:
            self._fork.__exit__(None, None, None)
