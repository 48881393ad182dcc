"""What the README shows runs as it stands."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from splade_sdk.cli.main import app
from tests.markdown import blocks, models_from_packages, run_page

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.real_model
def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.jsonl").write_text(
        '{"query": "heart attack", "positive": "a heart attack needs help at once"}\n'
    )
    models_from_packages(monkeypatch)
    assert len(blocks(README, "python")) >= 3
    run_page(README, languages=("python",))


def test_commands_exist() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    lines = [line for block in blocks(README, "sh") for line in block.source.splitlines()]
    used = {shlex.split(line, comments=True)[1] for line in lines if line.startswith("splade ")}
    assert used
    assert used <= known


def test_training_settings_are_valid() -> None:
    yaml = pytest.importorskip("yaml")
    from splade_sdk.training.config import parse_config

    (block,) = blocks(README, "yaml")
    config = parse_config(yaml.safe_load(block.source))
    assert config.sparsity.target_active_dims == (25, 150)
