from __future__ import annotations

import errno
import json
import resource
import shutil

import pytest
import torch
from safetensors import SafetensorError

from splade_sdk import SpladeEncoder
from splade_sdk.errors import TrainingError
from splade_sdk.training import trainer
from splade_sdk.training.build import build_data, build_model, build_objective
from splade_sdk.training.checkpoints import last_checkpoint, load_checkpoint, save_checkpoint
from splade_sdk.training.run import train
from tests.unit.training import tiny_training as tiny


def checkpoint(folder, step, state='{"global_step": 1}'):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


class TestLastCheckpoint:
    def test_is_the_one_of_the_highest_step(self, tmp_path):
        checkpoint(tmp_path, 9)
        newest = checkpoint(tmp_path, 10)
        checkpoint(tmp_path, 2)

        assert last_checkpoint(tmp_path) == newest

    @pytest.mark.parametrize("state", [None, "", '{"global_'])
    def test_skips_a_half_written_one(self, tmp_path, state):
        whole = checkpoint(tmp_path, 5)
        checkpoint(tmp_path, 10, state)

        assert last_checkpoint(tmp_path) == whole

    def test_is_none_where_there_is_none(self, tmp_path):
        (tmp_path / "checkpoint-of-mine").mkdir()

        assert last_checkpoint(tmp_path) is None
        assert last_checkpoint(tmp_path / "nothing") is None


def parts(tmp_path, **model):
    config = tiny.config(tmp_path, model=model, sparsity={"target_active_dims": [5, 8]})
    made, tokenizer = build_model(config, build_data(config))
    return made, tokenizer, build_objective(config, total_steps=10)


@pytest.mark.parametrize("query_expansion", [True, False])
def test_save_and_load_give_back_weights_and_state(tmp_path, query_expansion):
    model, tokenizer, objective = parts(tmp_path, query_expansion=query_expansion)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape, generator=generator)
    objective._controller.update(50.0, 60.0, 0.5)

    save_checkpoint(tmp_path / "saved", model, objective, tokenizer, 16)
    other, _, other_objective = parts(tmp_path, query_expansion=query_expansion)
    load_checkpoint(tmp_path / "saved", other, other_objective)

    for name, parameter in model.named_parameters():
        assert torch.equal(dict(other.named_parameters())[name], parameter), name
    assert other_objective.strengths == objective.strengths
    assert SpladeEncoder(tmp_path / "saved").max_length == 16


def test_another_kind_of_folder_is_refused(tmp_path):
    model, _, objective = parts(tmp_path)

    with pytest.raises(TrainingError, match="is not a checkpoint of this training"):
        load_checkpoint(tmp_path / "base", model, objective)


FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
]


@pytest.mark.parametrize("full", FULL, ids=lambda error: type(error).__name__)
def test_a_full_disk_keeps_what_was_saved_before(tmp_path, monkeypatch, full):
    config = tiny.config(
        tmp_path, optimizer={"max_steps": 6}, checkpoints={"every_steps": 2}, log_every_steps=2
    )
    saved = trainer.save_checkpoint

    def save(folder, *rest):
        saved(folder, *rest)
        if folder.name == "checkpoint-4":
            raise full

    monkeypatch.setattr(trainer, "save_checkpoint", save)
    with pytest.raises(TrainingError, match=r"step 4 could not be written .* make room and resume"):
        train(config)

    assert [path.name for path in config.output_dir.glob("checkpoint-*")] == ["checkpoint-2"]
    monkeypatch.undo()
    assert train(config).is_dir()  # goes on from step 2
    state = json.loads((config.output_dir / "checkpoint-6" / "trainer_state.json").read_text())
    assert state["global_step"] == 6


def test_a_real_limit_on_file_sizes(tmp_path):
    """The operating system's own refusal, on the way through every library that writes."""
    config = tiny.config(tmp_path, optimizer={"max_steps": 2}, checkpoints={"every_steps": 2})
    config.output_dir.mkdir()
    whole = config.output_dir / "checkpoint-1"
    shutil.copytree(tmp_path / "base", whole)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(TrainingError, match="the checkpoint of step 2 could not be written"):
            train(config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (whole / "model.safetensors").stat().st_size > 20_000
    assert not (config.output_dir / "checkpoint-2").exists()
