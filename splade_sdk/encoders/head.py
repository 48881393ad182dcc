"""The fused vocabulary head: pooled logits without the ``tokens x vocabulary`` tensor.

SPLADE-max (Formal et al. 2021, arXiv 2109.10086) and SPLADE v1 (arXiv 2107.05720) weigh term j by

    w_j = max_i f(h_i . E_j + b_j)        or        w_j = sum_i f(h_i . E_j + b_j)

with ``f(x) = log(1 + relu(x))``. Because f only grows, the maximum may be taken over the bare
products and f applied to its results. The vocabulary is walked in tiles, so memory is
``batch x vocabulary`` whatever the length of the texts; where the CPU allows, terms that cannot be
active are ruled out first (see ``screening``), and only the others are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from splade_sdk.encoders.screening import Screen, largest_code
from splade_sdk.encoders.tiles import Workspace, max_over_tokens, tiles

__all__ = ["MAX_CANDIDATES", "Activation", "Pooling", "VocabularyHead", "activate", "pool_logits"]

Pooling = Literal["max", "sum"]
Activation = Literal["log1p_relu", "log1p_log1p_relu"]

# Above this share of the vocabulary, computing the candidates one text at a time costs more than
# computing everything at once.
MAX_CANDIDATES = 0.25


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
