"""The weighted mean of models' weights (Wortsman et al. 2022, arXiv 2203.05482 and 2109.01903).

All must come from one training: each from where another one ended, or from the same start. A share
of the start brings back what training on few texts forgot.

    python -m recipes.bundled.average runs/bundled/run/model:3 runs/bundled/refined/model:3 \
        runs/bundled/start:2 --output runs/bundled/mean
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_WEIGHTS = "model.safetensors"


def average(shares: Mapping[Path, float], output: Path) -> None:
    """Write a folder like the first model's, with the mean of all weights.

    Args:
        shares: Folders of models of one shape, and how much each counts.
        output: Folder to make; what lies there is deleted.
    """
    first, *_ = shares
    total = sum(shares.values())
    tensors = {model: load_file(model / _WEIGHTS) for model in shares}
    means = {
        name: torch.stack([tensors[each][name].double() * shares[each] / total for each in shares])
        .sum(0)
        .to(own.dtype)
        for name, own in tensors[first].items()
    }
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(first, output)
    save_file(means, output / _WEIGHTS, metadata={"format": "pt"})


def _share(text: str) -> tuple[Path, float]:
    folder, _, share = text.partition(":")
    return Path(folder), float(share or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=_share, nargs="+", metavar="FOLDER[:SHARE]")
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    average(dict(asked.models), asked.output)


if __name__ == "__main__":
    main()
