"""One side that runs a masked language model, the fused head, and the dense head.

The dense vector of a text comes from the pass that gives its sparse one. It is the mean of the last
hidden states over all tokens, brought to length 1, as sentence-transformers' ``Pooling`` and
``Normalize`` make it (Reimers and Gurevych 2019, arXiv 1908.10084)::

    e = m / |m|,   m = 1/n * sum over tokens i of h_i

It has no parameters. A text of several windows has the mean over the tokens of all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from splade_sdk.encoders.bert import Bert
from splade_sdk.encoders.head import VocabularyHead, Workspace
from splade_sdk.encoders.masked_lm import MaskedLM
from splade_sdk.encoders.side import EncodedBlock
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.encoders.torch_threads import in_one_thread
from splade_sdk.errors import ConfigError, ModelError
from splade_sdk.types import SparseBatch
from splade_sdk.types.arrays import FloatArray

__all__ = ["ModelSide", "mean_pooled", "plan_batches", "sums_of_tokens", "unit_rows"]

# Largest batch: on a CPU, activations (tokens times width) should stay in the cache.
_MAX_TOKENS_ON_CPU = 1536
_MAX_ACTIVATIONS_ON_CPU = 768 * 384
_MAX_TOKENS_ON_ACCELERATOR = 1 << 15


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass of the model gave: entries (row, term, weight), and token sums of each row."""

    rows: NDArray[np.int64]
    terms: NDArray[np.int64]
    weights: NDArray[np.float32]
    sums: NDArray[np.float32] | None


class ModelSide:
    """Runs a masked language model and the fused head.

    Args:
        masked_lm: In evaluation mode.
        head: Over the same model's output embeddings.
        text_tokenizer: Of the same model.
        has_dense: Whether the model was trained to give dense vectors too.
        folder: Where the model was loaded from.

    Attributes:
        dimensions: Size of the sparse space.
        dense_dimensions: Size of the dense vectors; None where there is no dense head.
    """

    def __init__(
        self,
        masked_lm: Bert | MaskedLM,
        head: VocabularyHead,
        text_tokenizer: TextTokenizer,
        *,
        has_dense: bool = False,
        folder: Path | None = None,
    ) -> None:
        self.masked_lm = masked_lm
        self.head = head
        self.text_tokenizer = text_tokenizer
        self.has_dense = has_dense
        self.folder = folder
        self.dimensions = int(masked_lm.weight.shape[0])
        self._width = masked_lm.hidden_size
        self.dense_dimensions = self._width if has_dense else None
        self._workspace = Workspace()
        self._lock = threading.Lock()
        self._device = masked_lm.weight.device

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None,
        advance: Callable[[int], object],
        dense: bool = False,
    ) -> EncodedBlock:
        """See Side."""
        pieces = self.text_tokenizer.pieces(texts)
        lengths = [len(ids) for ids in pieces.ids]
        text_of = np.asarray(pieces.text_of, dtype=np.int64)
        on_cpu = self._device.type == "cpu"
        max_tokens = _MAX_TOKENS_ON_ACCELERATOR
        if on_cpu:
            width = self.masked_lm.weight.shape[1]
            max_tokens = min(_MAX_TOKENS_ON_CPU, _MAX_ACTIVATIONS_ON_CPU // width)
        parts: list[_Pass] = []
        sums = np.zeros((len(texts), self._width if dense else 0), np.float32)
        with self._lock:
            for batch in plan_batches(lengths, max_tokens=max_tokens, max_rows=batch_size):
                run = partial(self._run, [pieces.ids[at] for at in batch], dense)
                found = in_one_thread(run) if on_cpu else run()
                parts.append(
                    _Pass(text_of[batch[found.rows]], found.terms, found.weights, sums=None)
                )
                if found.sums is not None:
                    np.add.at(sums, text_of[batch], found.sums)
                advance(len(batch))
        advance(len(texts) - len(pieces.ids))
        cut = 0 if self.text_tokenizer.windows else pieces.longer
        rows = unit_rows(sums) if dense else None
        return EncodedBlock(_assemble(parts, len(texts), self.dimensions), cut, rows)

    @torch.inference_mode()
    def _run(self, ids: list[list[int]], dense: bool) -> _Pass:
        """Encode one batch; out of memory, halve it and try again."""
        try:
            return self._forward(ids, dense)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if len(ids) == 1:
                raise ModelError(
                    f"out of memory encoding a single text of {len(ids[0])} tokens on "
                    f"{self._device}: lower max_length, or use a smaller model"
                ) from error
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(ids) // 2
        first, second = self._run(ids[:half], dense), self._run(ids[half:], dense)
        return _Pass(
            np.concatenate([first.rows, second.rows + half]),
            np.concatenate([first.terms, second.terms]),
            np.concatenate([first.weights, second.weights]),
            None
            if first.sums is None or second.sums is None
            else np.concatenate([first.sums, second.sums]),
        )

    def _forward(self, ids: list[list[int]], dense: bool) -> _Pass:
        lengths = [len(text) for text in ids]
        longest = max(lengths)
        padded = np.zeros((len(ids), longest), dtype=np.int64)
        for row, text in enumerate(ids):
            padded[row, : len(text)] = text
        mask = None
        if min(lengths) < longest:
            mask = torch.from_numpy(np.arange(longest) < np.asarray(lengths)[:, None])
            mask = mask.long().to(self._device)
        input_ids = torch.from_numpy(padded).to(self._device)
        sums = None
        if dense:
            hidden, states = self.masked_lm.forward_with_states(input_ids, mask)
            sums = sums_of_tokens(states, lengths).cpu().numpy()
        else:
            hidden = self.masked_lm(input_ids, mask)
        if mask is None:
            tokens = hidden.reshape(-1, hidden.shape[2])
        else:
            tokens = torch.cat([hidden[row, :length] for row, length in enumerate(lengths)])
        if not torch.isfinite(tokens).all():
            raise ModelError(
                f"the model's hidden states are not finite in {tokens.dtype}: load it with "
                "dtype='float32', or check its weights"
            )
        rows, terms, weights = self.head.active_terms(tokens, lengths, self._workspace)
        return _Pass(rows.cpu().numpy(), terms.cpu().numpy(), weights.cpu().numpy(), sums)


def _assemble(parts: list[_Pass], rows: int, dimensions: int) -> SparseBatch:
    """Put entries in order; where windows of a text share a term, keep the largest weight."""
    if not parts:
        return SparseBatch.empty(dimensions, rows)
    texts = np.concatenate([part.rows for part in parts])
    terms = np.concatenate([part.terms for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    order = np.argsort(texts * dimensions + terms, kind="stable")
    keys = (texts * dimensions + terms)[order]
    if not keys.size:
        return SparseBatch.empty(dimensions, rows)
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    indptr = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys[first] // dimensions, minlength=rows), out=indptr[1:])
    return SparseBatch(
        indptr, keys[first] % dimensions, np.maximum.reduceat(weights[order], first), dimensions
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message


def plan_batches(
    lengths: Sequence[int], *, max_tokens: int, max_rows: int | None = None
) -> list[NDArray[np.int64]]:
    """Group texts, longest first, so that a padded batch stays within a number of tokens.

    Longest first means that memory runs out at once or never. A text longer than ``max_tokens``
    gets a batch of its own.

    Args:
        lengths: Tokens of each text. Shape: ``(texts,)``.
        max_tokens: Bound on rows times longest row in a batch, in tokens.
        max_rows: Bound on rows in a batch.

    Returns:
        Positions in ``lengths`` of the texts of each batch; equal lengths keep their order.

    Raises:
        ConfigError: if a bound is below 1.
    """
    for name, bound in (("max_tokens", max_tokens), ("batch_size", max_rows)):
        if bound is not None and bound < 1:
            raise ConfigError(f"{name} is {bound}: expected at least 1")
    sizes = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches = []
    start = 0
    while start < order.size:
        rows = max(1, max_tokens // max(1, int(sizes[order[start]])))
        if max_rows is not None:
            rows = min(rows, max_rows)
        batches.append(order[start : start + rows])
        start += rows
    return batches


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
