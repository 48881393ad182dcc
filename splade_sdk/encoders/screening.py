"""Which terms can be active at all: an integer bound that rules out most of the vocabulary.

Round a token h and a term E_j to 8-bit integers with one scale for each text and each term,
h = s q + d and E_j = t_j Q_j + e_j. Then, by Cauchy-Schwarz on the rounding errors alone,

    h . E_j  <=  s t_j (q . Q_j)  +  |d| |E_j|  +  |s q| |e_j|

The first part is an exact integer product, which CPUs compute several times faster than a float
one; the two others are small because rounding errors are. A term whose bound, with its bias, is
not above zero has weight zero for certain; the few others are then computed exactly, so that the
result is that of the full product.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from splade_sdk.encoders.tiles import Workspace, max_over_tokens

__all__ = ["Screen", "largest_code"]

# Covers the rounding of the float32 arithmetic around the integer product, relative to |h| |E_j|.
_FLOAT_SLACK = 1e-5
# Keeps the scale of a row of zeros above zero; its products are zero whatever the scale.
_TINY = 1e-30
# Terms brought to 8 bits at a time.
_BLOCK = 1024
# A token whose largest element is above this many times its text's median gets a scale of its own.
_OUTLIER = 1.5


@lru_cache(maxsize=1)
def largest_code() -> int | None:
    """Return the largest integer code whose products the CPU sums exactly, or None for no screen.

    CPUs with VNNI sum full 8-bit products exactly. Without it, pairs of products pass through
    saturating 16-bit sums, which 7-bit codes never fill: (63 + 128) * 63 * 2 < 2**15.
    """
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return None
    width = 128
    for code in (127, 63):
        extreme = torch.full((32, width), code, dtype=torch.int8)
        opposite, equal = torch._int_mm(extreme, -extreme.t()), torch._int_mm(extreme, extreme.t())
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
        for start in range(0, weight.shape[0], _BLOCK):
            part = slice(start, start + _BLOCK)
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
