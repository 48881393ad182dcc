"""The fused vocabulary head: pooled logits without the ``tokens x vocabulary`` tensor.

SPLADE-max (Formal et al. 2021, arXiv 2109.10086) and SPLADE v1 (arXiv 2107.05720) weigh term j by

    w_j = max_i f(h_i . E_j + b_j)        or        w_j = sum_i f(h_i . E_j + b_j)

with ``f(x) = log(1 + relu(x))``. Because f only grows, the maximum may be taken over the bare
products and f applied to its results. The vocabulary is walked in tiles that stay in the cache, so
memory is ``batch x vocabulary`` whatever the length of the texts.

Where the CPU allows, terms that cannot be active are ruled out first (``Screen``), by an integer
bound. Round a token h and a term E_j to 8-bit integers with one scale for each text and each term,
h = s q + d and E_j = t_j Q_j + e_j. Then, by Cauchy-Schwarz on the rounding errors alone,

    h . E_j  <=  s t_j (q . Q_j)  +  |d| |E_j|  +  |s q| |e_j|

The first part is an exact integer product, which CPUs compute several times faster than a float
one; the two others are small because rounding errors are. A term whose bound, with its bias, is
not above zero has weight zero for certain; the few others are then computed exactly, so that the
result is that of the full product.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = [
    "MAX_CANDIDATES",
    "Activation",
    "Pooling",
    "Screen",
    "VocabularyHead",
    "Workspace",
    "activate",
    "largest_code",
    "max_over_tokens",
    "pool_logits",
    "tiles",
]

Pooling = Literal["max", "sum"]
Activation = Literal["log1p_relu", "log1p_log1p_relu"]

# Above this share of the vocabulary, computing the candidates one text at a time costs more than
# computing everything at once.
MAX_CANDIDATES = 0.25
# A tile of 4 MB of float32 logits stays in the shared cache of common CPUs; a GPU wants few, large
# kernels instead.
_CPU_TILE_ELEMENTS = 1 << 20
_GPU_TILE_ELEMENTS = 1 << 26
_MIN_TILE_TERMS = 512
# Padding that is cheaper than another call: a share of a run's tokens, or of all.
_PADDING = 1 / 16
_PADDING_OF_ALL = 1 / 256
# Covers the rounding of the float32 arithmetic around the integer product, relative to |h| |E_j|.
_FLOAT_SLACK = 1e-5
# Keeps the scale of a row of zeros above zero; its products are zero whatever the scale.
_TINY = 1e-30
# Terms brought to 8 bits at a time.
_QUANTISED_TERMS = 1024
# A token whose largest element is above this many times its text's median gets a scale of its own.
_OUTLIER = 1.5


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
    multiply: Any = torch._int_mm if integer else torch.mm
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


def activate(logits: Tensor, activation: Activation) -> Tensor:
    """Apply ``log(1 + relu(x))``, once or twice, in place.

    The double logarithm is that of the inference-free models (arXiv 2504.14839).

    Args:
        logits: Any shape; overwritten.
        activation: Which of the two.
    """
    logits.relu_().log1p_()
    return logits.log1p_() if activation == "log1p_log1p_relu" else logits


def pool_logits(
    tokens: Tensor,
    lengths: Sequence[int],
    weight: Tensor,
    bias: Tensor | None,
    *,
    pooling: Pooling = "max",
    activation: Activation = "log1p_relu",
    workspace: Workspace | None = None,
) -> Tensor:
    """Return the weight of every term of each text.

    Args:
        tokens: Inputs of the output embeddings, texts one after the other.
            Shape: ``(sum(lengths), width)``.
        lengths: Tokens of each text, at least 1. Shape: ``(batch,)``.
        weight: Output embeddings. Shape: ``(vocabulary, width)``.
        bias: Shape: ``(vocabulary,)``.
        pooling: Maximum or sum over the tokens.
        activation: What turns a logit into a weight.
        workspace: Buffers to reuse; with one, the result is only valid until its next use.

    Returns:
        Weights >= 0. Shape: ``(batch, vocabulary)``.
    """
    workspace = workspace or Workspace()
    if pooling == "max":
        pooled = max_over_tokens(tokens, lengths, weight, workspace)
        if bias is not None:
            pooled.add_(bias)
        return activate(pooled, activation)
    pooled = workspace.take("pooled", (len(lengths), weight.shape[0]), tokens.dtype, tokens)
    for part, logits in tiles(tokens, weight, workspace):
        if bias is not None:
            logits.add_(bias[part])
        activate(logits, activation)
        for row, text in enumerate(logits.split(list(lengths))):
            torch.sum(text, dim=0, out=pooled[row, part])
    return pooled


@lru_cache(maxsize=1)
def largest_code() -> int | None:
    """Return the largest integer code whose products the CPU sums exactly, or None for no screen.

    CPUs with VNNI sum full 8-bit products exactly. Without it, pairs of products pass through
    saturating 16-bit sums, which 7-bit codes never fill: (63 + 128) * 63 * 2 < 2**15.
    """
    multiply: Any = getattr(torch, "_int_mm", None)  # private: another torch may not have it
    if multiply is None or platform.machine().lower() not in {"x86_64", "amd64"}:
        return None
    width = 128
    for code in (127, 63):
        extreme = torch.full((32, width), code, dtype=torch.int8)
        try:
            opposite, equal = multiply(extreme, -extreme.t()), multiply(extreme, extreme.t())
            multiply(extreme, extreme.t(), out=torch.empty_like(equal))
        except (RuntimeError, TypeError):  # refused on this CPU, or with other arguments
            return None
        total = code * code * width
        if bool((opposite == -total).all()) and bool((equal == total).all()):
            return code
    return None


class Screen:
    """The vocabulary in 8 bits, and the bound.

    Args:
        weight: Output embeddings, float32. Shape: ``(vocabulary, width)``.
        bias: Shape: ``(vocabulary,)``.
        code: Largest absolute integer to use, at most 127.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, code: int) -> None:
        self._code = code
        self._quantised = torch.empty_like(weight, dtype=torch.int8)
        scale, error, norm = weight.new_empty((3, weight.shape[0]))
        # Block by block, so that what lies between stays in the cache.
        for start in range(0, weight.shape[0], _QUANTISED_TERMS):
            part = slice(start, start + _QUANTISED_TERMS)
            block = weight[part]
            low, high = block.aminmax(dim=1, keepdim=True)
            scales = torch.maximum(high, -low).clamp_min_(_TINY).div_(code)
            rounded = (block / scales).round_()
            self._quantised[part] = rounded
            scale[part] = scales.squeeze(1)
            norm[part] = block.norm(dim=1)
            error[part] = rounded.mul_(scales).sub_(block).norm(dim=1)
        shift = torch.zeros_like(norm) if bias is None else bias
        self._per_term = torch.stack([shift, norm, error]) / scale

    def candidates(
        self, tokens: Tensor, lengths: Sequence[int], workspace: Workspace
    ) -> tuple[Tensor, Tensor]:
        """Return the pairs of text and term whose weight may be above zero.

        Args:
            tokens: Tokens of all texts, float32. Shape: ``(sum(lengths), width)``.
            lengths: Tokens of each text, at least 1. Shape: ``(batch,)``.
            workspace: Buffers to reuse.

        Returns:
            Row of the text and id of the term, ordered by row, then term. Shape: ``(pairs,)`` each.
        """
        rows = len(lengths)
        order, lengths, text_of = _group(tokens, lengths)
        tokens = tokens[order]
        texts = tokens.split(list(lengths))
        scales = torch.stack([text.abs().amax() for text in texts]).clamp_min_(_TINY) / self._code
        per_token = torch.repeat_interleave(scales, torch.tensor(lengths))[:, None]
        quantised = torch.round(tokens / per_token)
        errors = (tokens - quantised * per_token).norm(dim=1)
        norms = tokens.norm(dim=1)
        worst_error = torch.stack([part.amax() for part in errors.split(list(lengths))])
        worst_norm = torch.stack([part.amax() for part in norms.split(list(lengths))])
        rounded_norm = worst_norm + worst_error
        largest = max_over_tokens(quantised.to(torch.int8), lengths, self._quantised, workspace)
        per_text = torch.stack(
            [torch.ones_like(scales), worst_error + _FLOAT_SLACK * worst_norm, rounded_norm], dim=1
        )
        threshold = workspace.take("threshold", tuple(largest.shape), torch.float32, tokens)
        torch.mm(-per_text / scales[:, None], self._per_term, out=threshold)
        above = largest > threshold
        possible = above[:rows]
        possible[text_of] |= above[rows:]
        found, terms = torch.nonzero(possible, as_tuple=True)
        return found, terms


def _group(tokens: Tensor, lengths: Sequence[int]) -> tuple[Tensor, list[int], Tensor]:
    """Set tokens with an outlier apart, so that they do not spoil the scale of their text.

    Such as BERT's [CLS], whose largest element is several times that of the other tokens.

    Args:
        tokens: Shape: ``(sum(lengths), width)``.
        lengths: Tokens of each text. Shape: ``(batch,)``.

    Returns:
        The order of the tokens, such that each text's common tokens come first and then the
        outliers of those texts that have some; the length of each of these groups; the texts that
        have outliers.
    """
    largest = tokens.abs().amax(dim=1)
    typical = torch.stack([part.median() for part in largest.split(list(lengths))])
    counts = torch.tensor(lengths)
    text = torch.repeat_interleave(torch.arange(len(lengths)), counts)
    apart = largest > _OUTLIER * typical[text]
    order = torch.argsort(text + apart * len(lengths), stable=True)
    outliers = torch.bincount(text[apart], minlength=len(lengths))
    text_of = torch.nonzero(outliers)[:, 0]
    return order, [*(counts - outliers).tolist(), *outliers[text_of].tolist()], text_of


class VocabularyHead:
    """Turns the hidden states of texts into their active terms; for inference.

    Args:
        weight: Output embeddings. Shape: ``(vocabulary, width)``.
        bias: Shape: ``(vocabulary,)``.
        pooling: Maximum or sum over the tokens.
        activation: What turns a logit into a weight.
        screening: Rule terms out first, where the device and dtype allow it.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        pooling: Pooling = "max",
        activation: Activation = "log1p_relu",
        screening: bool = True,
    ) -> None:
        self.pooling: Pooling = pooling
        self.activation: Activation = activation
        self._weight = weight.detach()
        self._bias = None if bias is None else bias.detach()
        self._screen = None
        if screening and weight.device.type == "cpu" and weight.dtype == torch.float32:
            code = largest_code()
            self._screen = Screen(self._weight, self._bias, code=code) if code else None

    def active_terms(
        self, tokens: Tensor, lengths: Sequence[int], workspace: Workspace
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the terms with a weight above zero.

        Args:
            tokens: Inputs of the output embeddings, texts one after the other.
                Shape: ``(sum(lengths), width)``.
            lengths: Tokens of each text, at least 1. Shape: ``(batch,)``.
            workspace: Buffers to reuse.

        Returns:
            Row of the text, id of the term and weight in float32, ordered by row, then term.
            Shape: ``(active,)`` each.
        """
        if self._screen is not None:
            rows, terms = self._screen.candidates(tokens, lengths, workspace)
            if rows.numel() <= MAX_CANDIDATES * len(lengths) * self._weight.shape[0]:
                weights = self._weights_of(tokens, lengths, rows, terms, workspace)
                active = weights > 0
                return rows[active], terms[active], weights[active]
        pooled = pool_logits(
            tokens,
            lengths,
            self._weight,
            self._bias,
            pooling=self.pooling,
            activation=self.activation,
            workspace=workspace,
        )
        rows, terms = torch.nonzero(pooled > 0, as_tuple=True)
        return rows, terms, pooled[rows, terms].float()

    def _weights_of(
        self,
        tokens: Tensor,
        lengths: Sequence[int],
        rows: Tensor,
        terms: Tensor,
        workspace: Workspace,
    ) -> Tensor:
        """Compute the weights of given terms of each text. Shape: ``(pairs,)``."""
        counts = torch.bincount(rows, minlength=len(lengths)).tolist()
        weights = torch.empty(rows.shape, dtype=tokens.dtype, device=tokens.device)
        texts = zip(
            tokens.split(list(lengths)), terms.split(counts), weights.split(counts), strict=True
        )
        for text, part, out in texts:
            shape = (part.shape[0], tokens.shape[1])
            embeddings = workspace.take("embeddings", shape, tokens.dtype, tokens)
            torch.index_select(self._weight, 0, part, out=embeddings)
            shape = (text.shape[0], part.shape[0])
            logits = workspace.take("tile", shape, tokens.dtype, tokens)
            torch.mm(text, embeddings.t(), out=logits)
            if self.pooling == "max":
                torch.amax(logits, dim=0, out=out)
                if self._bias is not None:
                    out.add_(self._bias[part])
                activate(out, self.activation)
            else:
                if self._bias is not None:
                    logits.add_(self._bias[part])
                torch.sum(activate(logits, self.activation), dim=0, out=out)
        return weights
