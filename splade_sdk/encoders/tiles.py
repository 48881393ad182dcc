"""Walking the vocabulary in tiles that stay in the cache, with buffers that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

__all__ = ["Workspace", "max_over_tokens", "tiles"]

# A tile of 4 MB of float32 logits stays in the shared cache of common CPUs; a GPU wants few, large
# kernels instead.
_CPU_TILE_ELEMENTS = 1 << 20
_GPU_TILE_ELEMENTS = 1 << 26
_MIN_TILE_TERMS = 512


class Workspace:
    """Buffers that are kept between batches: fresh large ones cost page faults.

    One workspace serves one thread at a time.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, like: Tensor) -> Tensor:
        """Return an uninitialised buffer that the next call of the same name may overwrite.

        Args:
            name: Use of the buffer; two names never share memory.
            shape: Shape wanted.
            dtype: Type of its elements.
            like: A tensor on the device wanted.
        """
        elements = 1
        for size in shape:
            elements *= size
        key = (name, dtype, like.device)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.numel() < elements:
            buffer = self._buffers[key] = torch.empty(elements, dtype=dtype, device=like.device)
        return buffer[:elements].view(shape)


def tiles(tokens: Tensor, weight: Tensor, workspace: Workspace) -> Iterator[tuple[slice, Tensor]]:
    """Yield each tile's terms and the products of all tokens with them.

    Args:
        tokens: Floating point, or int8 for exact int32 products. Shape: ``(tokens, width)``.
        weight: Of the same type. Shape: ``(vocabulary, width)``.
        workspace: Holds the products; a tile is overwritten by the next.

    Yields:
        The terms of a tile, and its products. Shape: ``(tokens, terms)``.
    """
    count, vocabulary = tokens.shape[0], weight.shape[0]
    integer = tokens.dtype == torch.int8
    multiply = torch._int_mm if integer else torch.mm
    elements = _CPU_TILE_ELEMENTS if tokens.device.type == "cpu" else _GPU_TILE_ELEMENTS
    terms = min(vocabulary, max(_MIN_TILE_TERMS, elements // max(1, count) // 64 * 64))
    dtype = torch.int32 if integer else tokens.dtype
    for start in range(0, vocabulary, terms):
        part = slice(start, min(start + terms, vocabulary))
        products = workspace.take("tile", (count, part.stop - part.start), dtype, tokens)
        multiply(tokens, weight[part].t(), out=products)
        yield part, products


def max_over_tokens(
    tokens: Tensor, lengths: Sequence[int], weight: Tensor, workspace: Workspace
) -> Tensor:
    """Return the largest product of each text's tokens with each term.

    Args:
        tokens: Tokens of all texts, one after the other. Shape: ``(sum(lengths), width)``.
        lengths: Tokens of each text, at least 1. Shape: ``(batch,)``.
        weight: Shape: ``(vocabulary, width)``.
        workspace: Holds the tiles and the result, until the next call.

    Returns:
        Shape: ``(batch, vocabulary)``.
    """
    integer = tokens.dtype == torch.int8
    shape = (len(lengths), weight.shape[0])
    pooled = workspace.take("pooled", shape, torch.int32 if integer else tokens.dtype, tokens)
    even = len(set(lengths)) == 1
    for part, products in tiles(tokens, weight, workspace):
        if even:
            torch.amax(products.view(len(lengths), lengths[0], -1), dim=1, out=pooled[:, part])
            continue
        for row, text in enumerate(products.split(list(lengths))):
            torch.amax(text, dim=0, out=pooled[row, part])
    return pooled
