"""What a model folder says: a plain masked LM, or a sentence-transformers SparseEncoder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splade_sdk.encoders.head import Activation, Pooling
from splade_sdk.errors import ModelFormatError, ModelNotFoundError, UnsafeModelError

__all__ = [
    "DENSE",
    "LEARNED_WEIGHTS",
    "OWN_CONFIG",
    "Checkpoint",
    "MaskedLMSide",
    "StaticSide",
    "fetch",
    "read_checkpoint",
]

OWN_CONFIG = "splade_config.json"
"""What sentence-transformers' files have no place for; in the folder of the masked LM."""
LEARNED_WEIGHTS = "query_token_weights.safetensors"
"""One weight for each term, for queries without the model; beside the masked LM."""
DENSE = {"pooling": "mean", "normalize": True}
"""The dense head, under ``dense`` in ``OWN_CONFIG``; there is one kind."""

_ACTIVATIONS: dict[str, Activation] = {"relu": "log1p_relu", "log1p_relu": "log1p_log1p_relu"}
_MASKED_LM_MODULES = {"MLMTransformer", "Transformer"}


@dataclass(frozen=True, slots=True)
class MaskedLMSide:
    """One side (queries or documents) that runs the model.

    Attributes:
        folder: Model and tokenizer.
        pooling: How tokens are pooled.
        activation: What turns a logit into a weight.
        max_length: Tokens at most, or None where the folder sets no limit.
        prompt: Put before every text.
        has_dense: Whether the model was trained to give dense vectors too.
    """

    folder: Path
    pooling: Pooling = "max"
    activation: Activation = "log1p_relu"
    max_length: int | None = None
    prompt: str = ""
    has_dense: bool = False


@dataclass(frozen=True, slots=True)
class StaticSide:
    """One side that gives each token a fixed weight, without running a model.

    Attributes:
        folder: Tokenizer, and the weights in ``model.safetensors`` or a JSON file.
        weights_file: The file with the weights.
        prompt: Put before every text.
    """

    folder: Path
    weights_file: Path
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model folder.

    Attributes:
        document: How documents are encoded.
        query: How queries are encoded; the same object where both share a model.
    """

    document: MaskedLMSide
    query: MaskedLMSide | StaticSide


def fetch(model: str | Path, *, revision: str | None, allow_pickle: bool) -> Path:
    """Return the folder of a model: itself if it is one, or a download from the Hugging Face hub.

    Args:
        model: Folder, or name on the hub.
        revision: Branch, tag or commit on the hub.
        allow_pickle: Also download pickled weights.

    Raises:
        ModelNotFoundError: if it is neither.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.txt", "*.model", "*.py"]
    try:
        return Path(
            snapshot_download(
                str(model),
                revision=revision,
                allow_patterns=[*wanted, "*.bin"] if allow_pickle else wanted,
                ignore_patterns=["onnx/*", "openvino/*", "checkpoint-*"],
            )
        )
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"no model {str(model)!r}: there is no such folder, and it is no name such as "
            "'naver/splade-v3' on the Hugging Face hub"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFoundError(
            f"no model {str(model)!r}: there is no such folder, and the Hugging Face hub gave "
            f"{type(error).__name__}; check the name, or the network"
        ) from error


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read how a folder wants its texts encoded.

    Args:
        folder: A transformers or sentence-transformers model.

    Raises:
        ModelFormatError: if it holds modules that make no SPLADE vectors.
    """
    if not (folder / "modules.json").is_file():
        side = MaskedLMSide(folder, has_dense=_has_dense(folder))
        return Checkpoint(side, side)
    prompts = _read(folder / "config_sentence_transformers.json").get("prompts") or {}
    modules = [(_class_name(entry["type"]), folder / entry["path"]) for entry in _read_list(folder)]
    if [name for name, _ in modules] in (["Router"], ["Asym"]):
        return _read_router(modules[0][1], prompts)
    document = _masked_lm_side(modules, prompts.get("document") or "", folder)
    query = _masked_lm_side(modules, prompts.get("query") or "", folder)
    return Checkpoint(document, document if query == document else query)


def _read_router(folder: Path, prompts: dict[str, str]) -> Checkpoint:
    config = _read(folder / "router_config.json")
    sides: dict[str, MaskedLMSide | StaticSide] = {}
    for side in ("query", "document"):
        try:
            parts = config["structure"][side]
        except KeyError as error:
            raise ModelFormatError(
                f"{folder}/router_config.json has no route {side!r}: "
                "expected the routes query and document"
            ) from error
        modules = [(_class_name(config["types"][part]), folder / part) for part in parts]
        prompt = prompts.get(side) or ""
        if [name for name, _ in modules] == ["SparseStaticEmbedding"]:
            sides[side] = _static_side(modules[0][1], prompt)
        else:
            sides[side] = _masked_lm_side(modules, prompt, folder)
    document, query = sides["document"], sides["query"]
    if not isinstance(document, MaskedLMSide):
        raise ModelFormatError(
            f"{folder} encodes documents without a model: expected a masked LM on that side"
        )
    return Checkpoint(document, query)


def _masked_lm_side(modules: list[tuple[str, Path]], prompt: str, folder: Path) -> MaskedLMSide:
    names = [name for name, _ in modules]
    if len(names) != 2 or names[0] not in _MASKED_LM_MODULES or names[1] != "SpladePooling":
        raise ModelFormatError(
            f"{folder} has the modules {names}: expected a masked LM and SpladePooling"
        )
    pooling = _read(modules[1][1] / "config.json")
    strategy = pooling.get("pooling_strategy", "max")
    activation = pooling.get("activation_function", "relu")
    if strategy not in ("max", "sum") or activation not in _ACTIVATIONS:
        raise ModelFormatError(
            f"{modules[1][1]} has pooling {strategy!r} with activation {activation!r}: expected "
            f"max or sum, with one of {sorted(_ACTIVATIONS)}"
        )
    max_length = _read(modules[0][1] / "sentence_bert_config.json").get("max_seq_length")
    return MaskedLMSide(
        modules[0][1],
        strategy,
        _ACTIVATIONS[activation],
        max_length,
        prompt,
        _has_dense(modules[0][1]),
    )


def _has_dense(folder: Path) -> bool:
    dense = _read(folder / OWN_CONFIG).get("dense")
    if dense not in (None, DENSE):
        raise ModelFormatError(
            f"{folder / OWN_CONFIG} has the dense head {dense!r}: expected {DENSE}, or none"
        )
    return dense is not None


def _static_side(folder: Path, prompt: str) -> StaticSide:
    named = _read(folder / "config.json").get("path")
    weights = folder / str(named or "model.safetensors")
    if not weights.is_file():
        if (folder / "pytorch_model.bin").is_file():
            raise UnsafeModelError(
                f"{folder} has its token weights in a pickled file, which can run code when "
                "loaded; convert it to safetensors"
            )
        raise ModelNotFoundError(f"no token weights at {weights}")
    return StaticSide(folder, weights, prompt)


def _class_name(dotted: str) -> str:
    return dotted.rsplit(".", 1)[-1]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFormatError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelFormatError(f"{path} holds {type(content).__name__}: expected an object")
    return content


def _read_list(folder: Path) -> list[dict[str, str]]:
    path = folder / "modules.json"
    try:
        content: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFormatError(f"{path} is not valid JSON: {error}") from error
    return content
