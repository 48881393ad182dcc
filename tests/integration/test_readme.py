"""What the README shows runs as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from splade_sdk.cli.main import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.real_model
def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    assert len(blocks("python")) >= 3
    for source in blocks("python"):
        exec(compile(source, "README.md", "exec"), namespace)


def test_commands_exist() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    used = {shlex.split(line)[1] for line in lines if line.startswith("splade ")}
    assert used
    assert used <= known


def test_training_settings_are_valid() -> None:
    yaml = pytest.importorskip("yaml")
    from splade_sdk.training.config import parse_config

    (block,) = blocks("yaml")
    config = parse_config(yaml.safe_load(block))
    assert config.sparsity.target_active_dims == (25, 150)
