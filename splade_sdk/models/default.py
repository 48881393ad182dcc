"""Where the model lies that is used when the caller names none: in this package."""

from __future__ import annotations

from pathlib import Path

from splade_sdk.errors import ModelNotFoundError

__all__ = ["default_model_path"]

_FOLDER = Path(__file__).with_name("bundled")


def default_model_path() -> Path:
    """Return the folder of the model that ships with the package.

    Raises:
        ModelNotFoundError: if this installation lacks it.
    """
    if not (_FOLDER / "model.safetensors").is_file():
        raise ModelNotFoundError(
            f"no model was named, and the bundled one is missing in {_FOLDER}: install splade-sdk "
            "again, or pass the name or folder of a SPLADE or masked-language model, as in "
            "SpladeEncoder('path/to/model') or splade --model path/to/model"
        )
    return _FOLDER
