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
    loss_of: Callable[..., Tensor],
    *,
    chunk_size: int,
    backward: Callable[[Tensor], object] = torch.Tensor.backward,
    no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
    context: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Tensor:
    """Add the gradients of a loss over a whole batch to the parameters.

    Args:
        model: ``model(query, document)`` gives the vectors of both by turns (sparse, then dense
            ones where it makes them), None for a side not given.
        query: The queries.
        document: The documents.
        loss_of: From all that the model gives to a scalar.
        chunk_size: Texts of a side that hold activations at a time.
        backward: What runs a backward pass of a chunk (accelerate's, to scale the loss).
        no_sync: Keeps gradients local until the last chunk of a data-parallel model.
        context: Entered around each forward pass (autocast).

    Returns:
        The loss, detached; a scalar.
    """
    chunks = list(_chunks(query, document, chunk_size))
    random_states = []
    encoded_chunks: list[tuple[Tensor | None, ...]] = []
    with torch.no_grad():
        for chunk in chunks:
            random_states.append(_RandomState(query.input_ids.device))
            with context():
                encoded_chunks.append(model(*chunk))
    vectors = [
        torch.cat([part for part in parts if part is not None]).requires_grad_()
        for parts in zip(*encoded_chunks, strict=True)
    ]
    with context():
        loss = loss_of(*vectors)
    loss.backward()
    gradients = [_gradient(each) for each in vectors]
    starts = [0] * len(vectors)
    for at, chunk in enumerate(chunks):
        last = at == len(chunks) - 1
        with random_states[at], nullcontext() if last else no_sync():
            with context():
                encoded = model(*chunk)
            surrogate = gradients[0].new_zeros(())
            for which, part in enumerate(encoded):
                if part is not None:
                    end = starts[which] + len(part)
                    surrogate = surrogate + (part * gradients[which][starts[which] : end]).sum()
                    starts[which] = end
            backward(surrogate)
    return loss.detach()


def _chunks(
    query: TokenBatch, document: TokenBatch, size: int
) -> Iterator[tuple[TokenBatch | None, TokenBatch | None]]:
    """Yield queries, then documents; the last of both together.

    The last backward pass is the one in which ranks exchange gradients, and it has to reach every
    parameter, those that only queries have included.
    """
    last_query = (len(query) - 1) // size * size
    last_document = (len(document) - 1) // size * size
    for start in range(0, last_query, size):
        yield query[start : start + size], None
    for start in range(0, last_document, size):
        yield None, document[start : start + size]
    yield query[last_query:], document[last_document:]


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
