"""BERT with its masked-LM transform, in plain torch: what most SPLADE models are.

Computes what transformers' ``BertForMaskedLM`` does (Devlin et al. 2019, arXiv 1810.04805), to the
bit. But a process is ready sooner, as transformers' modelling code takes longer to import than
torch itself, and short texts are encoded faster. Where a folder holds anything but a plain BERT,
transformers loads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

__all__ = ["Bert", "load_bert"]

_WEIGHTS = "model.safetensors"
# Values of config.json that change what is computed, or where the weights come from.
_PLAIN: Mapping[str, tuple[object, ...]] = {
    "architectures": (["BertForMaskedLM"],),
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "tie_word_embeddings": (True, None),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
    "auto_map": (None,),
}
# What checkpoints hold besides: copies, and what only training has used.
_UNUSED = ("bert.embeddings.position_ids", "bert.pooler.", "cls.predictions.decoder.", "cls.seq_")


class BertSizes(NamedTuple):
    """What config.json says of the shapes of tensors."""

    vocabulary: int
    positions: int
    width: int
    inner_width: int
    layers: int
    heads: int
    eps: float


class Bert(nn.Module):
    """BERT up to the inputs of its output embeddings, for inference.

    Has what ``MaskedLM`` has, but for the transformers model.

    Args:
        tensors: By their names in the checkpoint; each is taken out.
        sizes: What the shapes must be.
        folder: Where the checkpoint lies.

    Raises:
        KeyError: if a tensor is missing.
        ValueError: if a tensor is left, or has another shape.
    """

    def __init__(self, tensors: dict[str, Tensor], sizes: BertSizes, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        vocabulary, width = sizes.vocabulary, sizes.width
        prefix = "bert.embeddings"
        self.weight = _take(tensors, f"{prefix}.word_embeddings.weight", vocabulary, width)
        self.positions = _take(
            tensors, f"{prefix}.position_embeddings.weight", sizes.positions, width
        )
        self.kind = _parameter(tensors.pop(f"{prefix}.token_type_embeddings.weight")[0])
        self.norm = _Norm(tensors, f"{prefix}.LayerNorm", sizes)
        self.layers = nn.ModuleList(
            _Layer(tensors, f"bert.encoder.layer.{at}", sizes) for at in range(sizes.layers)
        )
        prefix = "cls.predictions"
        self.transform = _Product(tensors, f"{prefix}.transform.dense", width, width)
        self.transform_norm = _Norm(tensors, f"{prefix}.transform.LayerNorm", sizes)
        self.bias = _take(tensors, f"{prefix}.bias", vocabulary)
        if left := [name for name in tensors if not name.startswith(_UNUSED)]:
            raise ValueError(f"not used: {', '.join(left)}")

    @property
    def hidden_size(self) -> int:
        """Width of the last hidden states."""
        return self.weight.shape[1]

    @property
    def max_positions(self) -> int | None:
        """Tokens the position embeddings allow."""
        return self.positions.shape[0]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return what the output embeddings would be applied to; see ``MaskedLM.forward``."""
        return self.forward_with_states(input_ids, attention_mask)[0]

    def forward_with_states(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return what ``forward`` does, and the last hidden states.

        Args:
            input_ids: Shape: ``(batch, longest)``.
            attention_mask: 1 for real tokens, 0 for padding; None where there is no padding.
                Shape: ``(batch, longest)``.

        Returns:
            Both of shape: ``(batch, longest, width)``.
        """
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        # In this order: sums of floats depend on it.
        states = self.weight[input_ids].add_(self.kind).add_(self.positions[: input_ids.shape[1]])
        states = self.norm(states)
        for layer in self.layers:
            states = layer(states, mask)
        return self.transform_norm(gelu(self.transform(states))), states

    def save_pretrained(self, folder: Path) -> None:
        """Write the whole model as transformers does."""
        from splade_sdk.encoders.masked_lm import load_masked_lm

        load_masked_lm(self._folder, dtype=self.weight.dtype).save_pretrained(folder)


class _Layer(nn.Module):
    """Self-attention and feed-forward part, each added to its input and normalised."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str, sizes: BertSizes) -> None:
        super().__init__()
        self._heads = sizes.heads
        width, inner = sizes.width, sizes.inner_width
        attention = f"{prefix}.attention"
        self.query = _Product(tensors, f"{attention}.self.query", width, width)
        self.key = _Product(tensors, f"{attention}.self.key", width, width)
        self.value = _Product(tensors, f"{attention}.self.value", width, width)
        self.mixed = _Product(tensors, f"{attention}.output.dense", width, width)
        self.mixed_norm = _Norm(tensors, f"{attention}.output.LayerNorm", sizes)
        self.up = _Product(tensors, f"{prefix}.intermediate.dense", width, inner)
        self.down = _Product(tensors, f"{prefix}.output.dense", inner, width)
        self.down_norm = _Norm(tensors, f"{prefix}.output.LayerNorm", sizes)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        batch, longest, width = states.shape
        shape = (batch, longest, self._heads, width // self._heads)
        query, key, value = (
            product(states).view(shape).transpose(1, 2)
            for product in (self.query, self.key, self.value)
        )
        context = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        context = context.transpose(1, 2).reshape(batch, longest, width)
        states = self.mixed_norm(self.mixed(context).add_(states))
        whole: Tensor = self.down_norm(self.down(gelu(self.up(states))).add_(states))
        return whole


class _Product(nn.Module):
    """A linear map with its bias."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str, columns: int, rows: int) -> None:
        super().__init__()
        self.weight = _take(tensors, f"{prefix}.weight", rows, columns)
        self.bias = _take(tensors, f"{prefix}.bias", rows)

    def forward(self, states: Tensor) -> Tensor:
        return linear(states, self.weight, self.bias)


class _Norm(nn.Module):
    """Layer normalisation (Ba et al. 2016, arXiv 1607.06450)."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str, sizes: BertSizes) -> None:
        super().__init__()
        self.weight = _take(tensors, f"{prefix}.weight", sizes.width)
        self.bias = _take(tensors, f"{prefix}.bias", sizes.width)
        self._eps = sizes.eps

    def forward(self, states: Tensor) -> Tensor:
        return torch.layer_norm(states, self.weight.shape, self.weight, self.bias, self._eps)


def load_bert(folder: Path, *, dtype: torch.dtype) -> Bert | None:
    """Load a BERT with its masked-LM head, or return None where it is anything else or damaged.

    Args:
        folder: Has ``config.json`` and ``model.safetensors``.
        dtype: Floating-point type of the weights in memory.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if any(config.get(name) not in plain for name, plain in _PLAIN.items()):
            return None
        sizes = BertSizes(
            vocabulary=config["vocab_size"],
            positions=config["max_position_embeddings"],
            width=config["hidden_size"],
            inner_width=config["intermediate_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            eps=config["layer_norm_eps"],
        )
        if sizes.width % sizes.heads:
            return None
        loaded = load_file(folder / _WEIGHTS)
        tensors = {_today(name): tensor.to(dtype) for name, tensor in loaded.items()}
        return Bert(tensors, sizes, folder).eval()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None  # transformers tells what is wrong with it


def _today(name: str) -> str:
    """Return the name that a tensor of an old checkpoint has by now."""
    if "LayerNorm" not in name:
        return name
    return name.replace(".gamma", ".weight").replace(".beta", ".bias")


def _take(tensors: dict[str, Tensor], name: str, *shape: int) -> nn.Parameter:
    tensor = tensors.pop(name)
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected {shape}")
    return _parameter(tensor)


def _parameter(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
