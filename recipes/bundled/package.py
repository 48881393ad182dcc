"""Writes a trained model as it ships: half precision, with its card, below a size limit.

python -m recipes.bundled.package --model runs/bundled/settled/model --card recipes/bundled/card.md
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from splade_sdk.encoders.checkpoint import LEARNED_WEIGHTS

_MOST_BYTES = 48_000_000
_WEIGHTS = "model.safetensors"
_FILES = (
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "splade_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_SpladePooling/config.json",
    LEARNED_WEIGHTS,
)


def package(model: Path, card: Path, output: Path, *, max_length: int) -> int:
    """Write the folder that ships, and return its size in bytes.

    Args:
        model: Folder of the trained model.
        card: Its card.
        output: Folder to make; what lies there is replaced once the new one is whole.
        max_length: Tokens of a text at most; more than in training may do.

    Raises:
        SystemExit: if a weight does not fit half precision, or the folder is too large.
    """
    tensors = load_file(model / _WEIGHTS)
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    if strange := [name for name, half in halves.items() if not torch.isfinite(half).all()]:
        raise SystemExit(f"half precision cannot hold the weights of {', '.join(strange)}")
    made = output.with_name(f"{output.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    for name in _FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model / name, made / name)
    save_file(halves, made / _WEIGHTS, metadata={"format": "pt"})
    (made / _WEIGHTS).chmod(0o644)  # safetensors keeps files to their owner
    _change(made / "config.json", dtype="float16")
    _change(made / "sentence_bert_config.json", max_seq_length=max_length)
    _change(made / "tokenizer_config.json", max_length=max_length, model_max_length=max_length)
    shutil.copyfile(card, made / "README.md")
    size = sum(each.stat().st_size for each in made.rglob("*") if each.is_file())
    if size > _MOST_BYTES:
        raise SystemExit(f"{made} has {size} bytes: expected {_MOST_BYTES} at most")
    shutil.rmtree(output, ignore_errors=True)
    made.rename(output)
    return size


def _change(file: Path, **values: Any) -> None:
    whole = json.loads(file.read_text(encoding="utf-8")) | values
    file.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("splade_sdk/models/bundled"))
    parser.add_argument("--max-length", type=int, default=512)
    asked = parser.parse_args()
    size = package(asked.model, asked.card, asked.output, max_length=asked.max_length)
    print(f"{asked.output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
