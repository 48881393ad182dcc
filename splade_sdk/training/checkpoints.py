"""Checkpoints: a model folder that encoders load, and the state to train on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from splade_sdk.encoders.checkpoint import read_checkpoint
from splade_sdk.encoders.masked_lm import load_masked_lm
from splade_sdk.errors import TrainingError
from splade_sdk.training.model import SpladeModel
from splade_sdk.training.objective import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["last_checkpoint", "load_checkpoint", "save_checkpoint"]

_STATE_FILE = "objective.pt"


def save_checkpoint(
    folder: Path,
    model: SpladeModel,
    objective: Objective,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
) -> None:
    """Write a model and the state of its objective.

    Args:
        folder: Made if it does not exist.
        model: What is trained.
        objective: Its loss.
        tokenizer: Of the model.
        max_length: Tokens of a text at most.
    """
    model.save_pretrained(folder, tokenizer, max_length=max_length)
    weights = model.query_token_weights
    torch.save(
        {
            "objective": objective.state_dict(),
            "query_token_weights": None if weights is None else weights.detach().cpu(),
        },
        folder / _STATE_FILE,
    )


def load_checkpoint(folder: Path, model: nn.Module, objective: Objective) -> None:
    """Put a model and its objective back to where they were.

    Args:
        folder: Written by ``save_checkpoint``.
        model: A SpladeModel of the same shape.
        objective: Of the same parts.

    Raises:
        TrainingError: if the folder is of another kind of model.
    """
    if not isinstance(model, SpladeModel) or not (folder / _STATE_FILE).is_file():
        raise TrainingError(f"{folder} is not a checkpoint of this training: no {_STATE_FILE}")
    saved = load_masked_lm(
        read_checkpoint(folder).document.folder, dtype=model.masked_lm.weight.dtype
    )
    model.masked_lm.load_state_dict(saved.state_dict())
    state = torch.load(folder / _STATE_FILE, map_location="cpu", weights_only=True)
    objective.load_state_dict(state["objective"])
    if model.query_token_weights is not None:
        with torch.no_grad():
            model.query_token_weights.copy_(state["query_token_weights"])


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint in a run folder, or None.

    A killed run may leave a half-written one; transformers writes ``trainer_state.json`` last.

    Args:
        folder: With ``checkpoint-STEP`` folders.
    """
    found = [path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit()]
    for path in sorted(found, key=lambda path: int(path.name[11:]), reverse=True):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return path
    return None
