"""Claiming a run folder: it belongs to one configuration and the data that was there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from splade_sdk.errors import TrainingError
from splade_sdk.training.checkpoints import last_checkpoint
from splade_sdk.training.config import TrainingConfig

__all__ = ["claim"]

# Keys by which a config.json is known for that of a run.
_OURS = {"model", "data", "sparsity", "output_dir"}


def claim(folder: Path, config: TrainingConfig) -> None:
    """Write the settings into the folder, or check that they are those it was made with.

    Files of data are known by their size; without a checkpoint everything may change.

    Raises:
        TrainingError: if the folder is none of a run, or one with a checkpoint that was made with
            other settings or other data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads(config.model_dump_json())
    path, data_path = folder / "config.json", folder / "data.json"
    sizes = _sizes([each.path for each in config.data])
    if path.is_file():
        before = _settings_of_a_run(path)
        changed = sorted(key for key in settings if settings[key] != before.get(key))
        if changed and last_checkpoint(folder) is not None:
            raise TrainingError(
                f"{folder} holds a run with other settings (other {', '.join(changed)}): choose "
                "another output_dir"
            )
    if data_path.is_file() and last_checkpoint(folder) is not None:
        earlier = json.loads(data_path.read_text(encoding="utf-8"))
        for name, size in sizes.items():
            if earlier.get(name, size) != size:
                raise TrainingError(
                    f"{name} had {earlier[name]} bytes when the run in {folder} began, and has "
                    f"{size}: bring it back, or choose another output_dir"
                )
    _write(path, settings)
    _write(data_path, sizes)


def _settings_of_a_run(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= _OURS:
        raise TrainingError(
            f"{path} is not that of a training run, and would be overwritten: choose another "
            "output_dir"
        )
    return found


def _sizes(sources: list[Path]) -> dict[str, int]:
    """Return the bytes of each file, or of what a folder in BEIR's layout holds."""
    files = [
        file
        for source in sources
        for file in (sorted(source.rglob("*")) if source.is_dir() else [source])
        if file.is_file()
    ]
    return {str(file): file.stat().st_size for file in files}


def _write(path: Path, values: dict[str, object] | dict[str, int]) -> None:
    """Replace a file; every process of a run does, by a file of its own."""
    written = path.with_suffix(f".{os.getpid()}.tmp")
    written.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    written.replace(path)
