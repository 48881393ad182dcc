"""Writing a model folder that this package and sentence-transformers load to the same vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splade_sdk.encoders.checkpoint import DENSE, OWN_CONFIG
from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side, TokenSide
from splade_sdk.errors import ConfigError

if TYPE_CHECKING:
    from splade_sdk.encoders.head import Activation

__all__ = ["save_model"]

_PACKAGE = "sentence_transformers.sparse_encoder.modules"
_MASKED_LM = f"{_PACKAGE}.mlm_transformer.MLMTransformer"
_POOLING = f"{_PACKAGE}.splade_pooling.SpladePooling"
_STATIC = f"{_PACKAGE}.sparse_static_embedding.SparseStaticEmbedding"
_ROUTER = "sentence_transformers.base.modules.router.Router"
_ROUTE_MODULES = ("0_MLMTransformer", "1_SpladePooling", "0_SparseStaticEmbedding")
_ACTIVATIONS: dict[Activation, str] = {"log1p_relu": "relu", "log1p_log1p_relu": "log1p_relu"}


def save_model(folder: Path, document: ModelSide, query: Side) -> None:
    """Write model, tokenizer and pooling in sentence-transformers' layout.

    Args:
        folder: Made if it does not exist.
        document: The document side.
        query: The query side; the same object where both share a model.

    Raises:
        ConfigError: if ``folder`` is a file, or a model without a query side of its own lies there
            and this one has one: that model's files would stay among this one's.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"folder {folder} is a file: expected a folder for the model's files")
    folder.mkdir(parents=True, exist_ok=True)
    routes: dict[str, dict[str, str]] = {}
    if query is document:
        _save_masked_lm(folder, document)
        _save_pooling(folder / "1_SpladePooling", document)
        modules = [("", _MASKED_LM), ("1_SpladePooling", _POOLING)]
    else:
        if (folder / "config.json").exists():
            raise ConfigError(
                f"folder {folder} holds a model without a query side of its own, whose files would "
                "stay among this one's: choose another folder, or delete that one first"
            )
        routes["query"] = _save_route(folder, "query", query)
        routes["document"] = _save_route(folder, "document", document)
        _write(
            folder / "router_config.json",
            {
                "types": {name: kind for route in routes.values() for name, kind in route.items()},
                "structure": {side: list(route) for side, route in routes.items()},
                "parameters": {"default_route": "document", "allow_empty_key": True},
            },
        )
        modules = [("", _ROUTER)]
    _write(
        folder / "modules.json",
        [
            {"idx": at, "name": str(at), "path": path, "type": kind}
            for at, (path, kind) in enumerate(modules)
        ],
    )
    _write(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SparseEncoder",
            "prompts": {
                "query": query.text_tokenizer.prompt,
                "document": document.text_tokenizer.prompt,
            },
            "default_prompt_name": None,
            "similarity_fn_name": "dot",
        },
    )
    _remove_other_routes(folder, {name for route in routes.values() for name in route})


def _remove_other_routes(folder: Path, written: set[str]) -> None:
    """Remove what a model with other sides, saved here before, has left."""
    for route in ("query", "document"):
        for name in _ROUTE_MODULES:
            if (module := f"{route}_{name}") not in written and (folder / module).is_dir():
                shutil.rmtree(folder / module)
    if not written:
        (folder / "router_config.json").unlink(missing_ok=True)


def _save_route(folder: Path, route: str, side: Side) -> dict[str, str]:
    """Write one side into folders of its own; return module name -> type."""
    if isinstance(side, ModelSide):
        names = [f"{route}_{name}" for name in _ROUTE_MODULES[:2]]
        _save_masked_lm(folder / names[0], side)
        _save_pooling(folder / names[1], side)
        return dict(zip(names, (_MASKED_LM, _POOLING), strict=True))
    name = f"{route}_{_ROUTE_MODULES[2]}"
    _save_static(folder / name, side)
    return {name: _STATIC}


def _save_masked_lm(folder: Path, side: ModelSide) -> None:
    side.masked_lm.save_pretrained(folder)
    side.text_tokenizer.save_pretrained(folder)
    _write(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "fill-mask",
            "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
            "module_output_name": "token_embeddings",
            "max_seq_length": side.text_tokenizer.max_length,
        },
    )
    _write(folder / OWN_CONFIG, {"dense": DENSE if side.has_dense else None})


def _save_pooling(folder: Path, side: ModelSide) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "config.json",
        {
            "pooling_strategy": side.head.pooling,
            "activation_function": _ACTIVATIONS[side.head.activation],
            "embedding_dimension": side.dimensions,
        },
    )


def _save_static(folder: Path, side: Side) -> None:
    from safetensors.numpy import save_file

    if not isinstance(side, TokenSide):
        raise TypeError(f"cannot save a side of type {type(side).__name__}")
    folder.mkdir(parents=True, exist_ok=True)
    side.text_tokenizer.save_pretrained(folder)
    # sentence-transformers sizes this table by the tokenizer, not by the model.
    size = len(side.text_tokenizer.tokenizer)
    save_file({"weight": np.ascontiguousarray(side.weights[:size])}, folder / "model.safetensors")
    _write(folder / "config.json", {"frozen": False})


def _write(path: Path, content: dict[str, Any] | list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
