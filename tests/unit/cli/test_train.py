from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

pytest.importorskip("accelerate")

from splade_sdk.training.config import load_config
from tests.unit.training import tiny_training as tiny

Splade = Callable[..., Ran]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    tiny.save_base(tmp_path / "base")
    tiny.write_lines(tmp_path / "data.jsonl", tiny.examples(64))
    tiny.write_collection(tmp_path / "dev")
    path = tmp_path / "config.yaml"
    path.write_text(
        f"""
model: {{base: {tmp_path / "base"}, max_query_tokens: 16, max_document_tokens: 16}}
data: [{{path: data.jsonl}}]
optimizer: {{max_steps: 6, batch_size: 8, learning_rate: 1.0e-3}}
evaluation: {{path: dev, every_steps: 3}}
output_dir: run
log_every_steps: 2
"""
    )
    return path


def test_trains_and_says_where_the_model_is(splade: Splade, config: Path) -> None:
    ran = splade("train", str(config))

    assert ran.code == 0, ran.err
    model = config.parent / "run" / "model"
    assert ran.out == f"{model}\n"
    assert (model / "README.md").is_file()
    assert "step 2: loss " in ran.err
    assert "(ranking " in ran.err
    assert "step 3: development: active terms " in ran.err
    at_the_end = next(line for line in ran.err.splitlines() if line.startswith("at the end: "))
    assert "active terms" in at_the_end
    assert "nDCG@10 0." in at_the_end


def test_another_output_folder_and_no_resume(splade: Splade, config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    words = ("train", str(config), "--output-dir", str(other), "--no-resume")

    assert splade(*words).code == 0
    assert (other / "model").is_dir()
    assert not (tmp_path / "run").exists()

    again = splade(*words)
    assert (again.code, again.out) == (1, "")
    assert "resume it, or choose another output_dir" in again.err


def test_every_key_can_be_seen(splade: Splade, config: Path, tmp_path: Path) -> None:
    ran = splade("train", str(config), "--print-config", "--output-dir", str(tmp_path / "other"))
    assert ran.code == 0
    assert not (tmp_path / "other").exists()
    written = tmp_path / "elsewhere" / "all.yaml"
    written.parent.mkdir()
    written.write_text(ran.out)
    expected = load_config(config).model_copy(update={"output_dir": tmp_path / "other"})
    assert load_config(written) == expected
    assert "accumulation_steps: 1\n" in ran.out


def test_a_wrong_key_is_one_line_with_the_nearest(splade: Splade, config: Path) -> None:
    config.write_text(config.read_text().replace("max_steps", "max_step"))

    ran = splade("train", str(config))

    assert (ran.code, ran.out) == (1, "")
    assert "did you mean 'optimizer.max_steps'?" in ran.err
    assert ran.err.count("\n") == 1


def test_a_file_that_is_not_there(splade: Splade, tmp_path: Path) -> None:
    ran = splade("train", str(tmp_path / "nothing.yaml"))

    assert ran.code == 1
    assert "nothing.yaml: cannot be read" in ran.err
