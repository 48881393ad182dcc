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
# Padding that is cheaper than another call: a share of a run's tokens, or of all.
_PADDING = 1 / 16
_PADDING_OF_ALL = 1 / 256


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
    groups = _groups(lengths)
    tokens = _repeat_last(tokens, lengths, groups, workspace)
    for part, products in tiles(tokens, weight, workspace):
        row = token = 0
        for count, longest in groups:
            texts = products[token : token + count * longest].view(count, longest, -1)
            torch.amax(texts, dim=1, out=pooled[row : row + count, part])
            row, token = row + count, token + count * longest
    return pooled


def _groups(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Part texts into runs of like length, each reduced at once: a call for each text costs more.

    Returns:
        The number of texts of each run, and the longest one's tokens.
    """
    groups: list[tuple[int, int]] = []
    least = sum(lengths) * _PADDING_OF_ALL
    count = longest = filled = 0
    for length in lengths:
        grown = max(longest, length)
        padding = grown * (count + 1) - (filled + length)
        if count and padding > max(least, (filled + length) * _PADDING):
            groups.append((count, longest))
            count = filled = 0
            grown = length
        count, longest, filled = count + 1, grown, filled + length
    groups.append((count, longest))
    return groups


def _repeat_last(
    tokens: Tensor, lengths: Sequence[int], groups: Sequence[tuple[int, int]], workspace: Workspace
) -> Tensor:
    """Bring the texts of each run to one length by their last token, which no maximum minds."""
    rows = torch.tensor(lengths)
    longest = torch.repeat_interleave(
        torch.tensor([longest for _, longest in groups]),
        torch.tensor([count for count, _ in groups]),
    )
    if torch.equal(rows, longest):
        return tokens
    place = torch.arange(int(longest.sum()))
    place -= torch.repeat_interleave(longest.cumsum(0) - longest, longest)
    last = torch.repeat_interleave(rows - 1, longest)
    start = torch.repeat_interleave(rows.cumsum(0) - rows, longest)
    index = (start + torch.minimum(place, last)).to(tokens.device)
    even = workspace.take("even", (len(index), tokens.shape[1]), tokens.dtype, tokens)
    return torch.index_select(tokens, 0, index, out=even)
