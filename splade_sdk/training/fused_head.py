"""The fused vocabulary head with its gradient.

Only the arg-max token of an active term gets a gradient under max pooling, and only positive
logits under sum pooling, so the backward pass touches the active pairs instead of making two
``tokens x vocabulary x width`` products. With w = f(m), f(m) = log(1 + m) for m > 0:

    f'(m) = 1 / (1 + m) = exp(-w)                       log1p_relu
    f'(m) = exp(-w - (exp(w) - 1))                      log1p_log1p_relu
    dL/dh[argmax] += g E_j        dL/dE_j += g h[argmax]        dL/db_j += g,   g = dL/dw f'(m)

While most terms are active (an untrained head) both passes walk the vocabulary in tiles instead;
which of the two is cheaper is seen batch by batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splade_sdk.encoders.head import (
    MAX_CANDIDATES,
    Activation,
    Pooling,
    Screen,
    Workspace,
    activate,
    largest_code,
    tiles,
)

__all__ = ["FusedHead"]


class FusedHead:
    """Pools the hidden states of a batch into term weights, differentiably.

    Keeps the 8-bit copy of the vocabulary that rules terms out until ``forget`` is called, which
    has to be done whenever the weights may have changed: fused optimizers change them without
    counting up the tensors' versions.

    Args:
        pooling: Maximum or sum over the tokens.
        activation: What turns a logit into a weight.
    """

    def __init__(self, pooling: Pooling = "max", activation: Activation = "log1p_relu") -> None:
        self.pooling: Pooling = pooling
        self.activation: Activation = activation
        self._workspace = Workspace()
        self._screen: Screen | None = None

    def __call__(
        self, tokens: Tensor, lengths: Sequence[int], weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        """Return the weight of every term of each text.

        Args:
            tokens: Inputs of the output embeddings, texts one after the other.
                Shape: ``(sum(lengths), width)``.
            lengths: Tokens of each text, at least 1. Shape: ``(batch,)``.
            weight: Output embeddings. Shape: ``(vocabulary, width)``.
            bias: Shape: ``(vocabulary,)``.

        Returns:
            Weights >= 0, in the tokens' dtype. Shape: ``(batch, vocabulary)``.
        """
        pooled: Tensor = _Pool.apply(  # type: ignore[no-untyped-call]
            tokens, weight, bias, list(lengths), self
        )
        return pooled

    def forget(self) -> None:
        """Take in that the weights may have changed."""
        self._screen = None

    def candidates(
        self, tokens: Tensor, lengths: list[int], weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor] | None:
        """Return the pairs that may be active, or None where there is no cheap way to know."""
        if tokens.device.type != "cpu" or tokens.dtype != torch.float32:
            return None
        code = largest_code()
        if code is None or weight.dtype != torch.float32:
            return None
        if self._screen is None:
            self._screen = Screen(weight, bias, code=code)
        rows, terms = self._screen.candidates(tokens, lengths, self._workspace)
        if rows.numel() > MAX_CANDIDATES * len(lengths) * weight.shape[0]:
            return None
        return rows, terms

    def tiles(self, tokens: Tensor, weight: Tensor) -> Any:
        """Walk the vocabulary; see ``encoders.head.tiles``."""
        return tiles(tokens, weight, self._workspace)


class _Pool(torch.autograd.Function):
    """Forward keeps the active pairs, or (B, V) arg-max positions; backward reads them."""

    @staticmethod
    def forward(
        ctx: Any,
        tokens: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        lengths: list[int],
        head: FusedHead,
    ) -> Tensor:
        ctx.head, ctx.lengths, ctx.has_bias = head, lengths, bias is not None
        ctx.weight_dtype = weight.dtype
        weight = weight.to(tokens.dtype)
        bias = None if bias is None else bias.to(tokens.dtype)
        pairs = head.candidates(tokens, lengths, weight, bias)
        if pairs is not None:
            weights, positions = _pool_pairs(tokens, lengths, weight, bias, *pairs, head)
            active = weights > 0
            rows, terms = pairs[0][active], pairs[1][active]
            pooled = tokens.new_zeros((len(lengths), weight.shape[0]))
            pooled[rows, terms] = weights[active]
            positions = positions[active]
        else:
            pooled, argmax = _pool_tiles(tokens, lengths, weight, bias, head)
            rows, terms = torch.nonzero(pooled > 0, as_tuple=True)
            sparse = rows.numel() <= MAX_CANDIDATES * pooled.numel()
            ctx.argmax = None if sparse or argmax is None else argmax
            if not sparse:
                ctx.dense = True
                ctx.save_for_backward(tokens, weight, bias, pooled)
                return pooled
            positions = rows if argmax is None else argmax[rows, terms]
        ctx.dense = False
        ctx.save_for_backward(tokens, weight, bias, pooled, rows, terms, positions)
        return pooled

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad = grads[0]
        head: FusedHead = ctx.head
        tokens, weight, bias, pooled = ctx.saved_tensors[:4]
        if ctx.dense:
            backward = _backward_tiles(ctx, grad, tokens, weight, bias, pooled)
        else:
            rows, terms, positions = ctx.saved_tensors[4:]
            by_term = grad[rows, terms]
            if head.pooling == "max":
                by_term = by_term * _slope(pooled[rows, terms], head.activation)
                backward = _scatter(by_term, terms, positions, tokens, weight)
            else:
                backward = _backward_sum_pairs(
                    by_term, rows, terms, ctx.lengths, tokens, weight, bias, head
                )
        grad_tokens, grad_weight, grad_bias = backward
        kind = ctx.weight_dtype
        return (
            grad_tokens,
            grad_weight.to(kind),
            grad_bias.to(kind) if ctx.has_bias else None,
            None,
            None,
        )


def _slope(weights: Tensor, activation: Activation) -> Tensor:
    """Return f'(m) from w = f(m), for w > 0."""
    if activation == "log1p_relu":
        return torch.exp(-weights)
    return torch.exp(-weights - torch.expm1(weights))


def _pool_pairs(
    tokens: Tensor,
    lengths: list[int],
    weight: Tensor,
    bias: Tensor | None,
    rows: Tensor,
    terms: Tensor,
    head: FusedHead,
) -> tuple[Tensor, Tensor]:
    """Return the weight of given pairs, and the token row of each maximum. Shape: ``(pairs,)``."""
    logits_of: list[Tensor] = []
    positions: list[Tensor] = []
    start = 0
    for text, part in _texts(tokens, lengths, rows, terms):
        logits = text @ weight[part].t()
        if head.pooling == "max":
            largest, at = logits.max(dim=0)
            logits_of.append(largest if bias is None else largest + bias[part])
            positions.append(at + start)
        else:
            logits_of.append(
                activate(logits if bias is None else logits + bias[part], head.activation).sum(0)
            )
        start += text.shape[0]
    weights = torch.cat(logits_of)
    if head.pooling == "sum":
        return weights, rows
    return activate(weights, head.activation), torch.cat(positions)


def _pool_tiles(
    tokens: Tensor, lengths: list[int], weight: Tensor, bias: Tensor | None, head: FusedHead
) -> tuple[Tensor, Tensor | None]:
    """Return all weights, and under max pooling the token row of each. Shape: ``(B, V)`` each."""
    pooled = tokens.new_empty((len(lengths), weight.shape[0]))
    argmax = None
    if head.pooling == "max":
        argmax = torch.empty(pooled.shape, dtype=torch.int64, device=tokens.device)
    for part, logits in head.tiles(tokens, weight):
        if argmax is None:
            activate(logits if bias is None else logits.add_(bias[part]), head.activation)
        start = 0
        for row, text in enumerate(logits.split(lengths)):
            if argmax is None:
                pooled[row, part] = text.sum(dim=0)
            else:
                pooled[row, part], at = text.max(dim=0)
                argmax[row, part] = at + start
            start += text.shape[0]
    if argmax is not None:
        activate(pooled if bias is None else pooled.add_(bias), head.activation)
    return pooled, argmax


def _scatter(
    by_pair: Tensor, terms: Tensor, positions: Tensor, tokens: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Send the gradient of each pair's logit to its token, its embedding and its bias."""
    column = by_pair[:, None]
    grad_tokens = torch.zeros_like(tokens).index_add_(0, positions, column * weight[terms])
    grad_weight = torch.zeros_like(weight).index_add_(0, terms, column * tokens[positions])
    grad_bias = weight.new_zeros(weight.shape[0]).index_add_(0, terms, by_pair)
    return grad_tokens, grad_weight, grad_bias


def _backward_sum_pairs(
    by_pair: Tensor,
    rows: Tensor,
    terms: Tensor,
    lengths: list[int],
    tokens: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    head: FusedHead,
) -> tuple[Tensor, Tensor, Tensor]:
    grad_tokens = torch.empty_like(tokens)
    grad_weight = torch.zeros_like(weight)
    grad_bias = weight.new_zeros(weight.shape[0])
    counts = torch.bincount(rows, minlength=len(lengths)).tolist()
    upstream = by_pair.split(counts)
    outputs = grad_tokens.split(lengths)
    for row, (text, part) in enumerate(_texts(tokens, lengths, rows, terms)):
        embeddings = weight[part]
        logits = text @ embeddings.t()
        if bias is not None:
            logits += bias[part]
        grad = _token_slope(logits, head.activation) * upstream[row]
        torch.mm(grad, embeddings, out=outputs[row])
        grad_weight.index_add_(0, part, grad.t() @ text)
        grad_bias.index_add_(0, part, grad.sum(dim=0))
    return grad_tokens, grad_weight, grad_bias


def _backward_tiles(
    ctx: Any, grad: Tensor, tokens: Tensor, weight: Tensor, bias: Tensor | None, pooled: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk the tiles again; used while much of the vocabulary is active."""
    head: FusedHead = ctx.head
    lengths: list[int] = ctx.lengths
    grad_tokens = torch.zeros_like(tokens)
    grad_weight = torch.empty_like(weight)
    grad_bias = weight.new_empty(weight.shape[0])
    text_of = torch.repeat_interleave(torch.tensor(lengths)).to(tokens.device)
    if head.pooling == "max":
        grad = torch.where(pooled > 0, grad * _slope(pooled, head.activation), 0.0)
    for part, logits in head.tiles(tokens, weight):
        if head.pooling == "max":
            logits.zero_().scatter_(0, ctx.argmax[:, part], grad[:, part])
        else:
            if bias is not None:
                logits.add_(bias[part])
            logits.copy_(_token_slope(logits, head.activation)).mul_(grad[text_of, part])
        grad_tokens.addmm_(logits, weight[part])
        grad_weight[part] = logits.t() @ tokens
        grad_bias[part] = logits.sum(dim=0)
    return grad_tokens, grad_weight, grad_bias


def _token_slope(logits: Tensor, activation: Activation) -> Tensor:
    """Return f'(x) of bare logits, zero where x <= 0."""
    above = logits.relu()
    slope = 1 / (1 + above)
    if activation == "log1p_log1p_relu":
        slope = slope / (1 + torch.log1p(above))
    return slope * (logits > 0)


def _texts(
    tokens: Tensor, lengths: list[int], rows: Tensor, terms: Tensor
) -> zip[tuple[Tensor, Tensor]]:
    """Return each text's tokens with the terms paired with it."""
    counts = torch.bincount(rows, minlength=len(lengths)).tolist()
    return zip(tokens.split(lengths), terms.split(counts), strict=True)
