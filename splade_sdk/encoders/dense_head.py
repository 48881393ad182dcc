"""The dense vector of a text, from the pass that gives its sparse one.

The mean of the last hidden states over all tokens, brought to length 1, as sentence-transformers'
``Pooling`` and ``Normalize`` make it (Reimers and Gurevych 2019, arXiv 1908.10084)::

    e = m / |m|,   m = 1/n * sum over tokens i of h_i

It has no parameters. A text of several windows has the mean over the tokens of all of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from splade_sdk.types.arrays import FloatArray

__all__ = ["mean_pooled", "sums_of_tokens", "unit_rows"]


def sums_of_tokens(states: Tensor, lengths: list[int]) -> Tensor:
    """Add up the states of each text's real tokens.

    Args:
        states: Padded at the end. Shape: ``(batch, longest, width)``.
        lengths: Real tokens of each text.

    Returns:
        Float32. Shape: ``(batch, width)``.
    """
    real = torch.arange(states.shape[1]) < torch.tensor(lengths)[:, None]
    return torch.einsum("blw,bl->bw", states.float(), real.to(states.device).float())


def mean_pooled(states: Tensor, lengths: list[int]) -> Tensor:
    """Return dense vectors, through which gradients flow.

    Args:
        states: Shape: ``(batch, longest, width)``.
        lengths: Real tokens of each text, at least 1.

    Returns:
        Float32, rows of length 1. Shape: ``(batch, width)``.
    """
    return nn.functional.normalize(sums_of_tokens(states, lengths), dim=1)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Bring rows to length 1; zeros stay zeros. Shape: as ``rows``."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: FloatArray = (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
    return scaled
