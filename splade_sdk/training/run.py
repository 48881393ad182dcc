"""train: one configuration in, one run folder out."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from transformers import TrainerCallback, set_seed
from transformers.integrations.integration_utils import TensorBoardCallback
from transformers.trainer_callback import ProgressCallback

from splade_sdk.errors import MissingDependencyError, SpladeError, TrainingError
from splade_sdk.training.build import (
    build_arguments,
    build_collator,
    build_data,
    build_learning_rates,
    build_model,
    build_objective,
)
from splade_sdk.training.build_teachers import build_dense_distillation, build_vector_distillation
from splade_sdk.training.card import write_card
from splade_sdk.training.checkpoints import last_checkpoint, load_checkpoint
from splade_sdk.training.config import TrainingConfig
from splade_sdk.training.data import MixingSampler
from splade_sdk.training.log import CsvLog, read_log
from splade_sdk.training.plots import plot_log
from splade_sdk.training.progress import TrainingProgress
from splade_sdk.training.run_folder import claim
from splade_sdk.training.trainer import SpladeTrainer

__all__ = ["train"]

_logger = logging.getLogger(__name__)


def train(config: TrainingConfig, *, resume: bool = True) -> Path:
    """Train a model.

    The run folder ``config.output_dir`` holds ``config.json``, ``data.json`` (the sizes of the data
    files), ``log.csv``, ``tensorboard/``, ``plots/``, checkpoints, and at the end ``model/`` with
    its card.

    Args:
        config: The run's settings.
        resume: Go on from the newest whole checkpoint of the folder, if there is one; False wants
            a folder without any.

    Returns:
        The folder of the trained model, for SpladeEncoder.

    Raises:
        TrainingError: if ``resume`` is False and there are checkpoints, the folder belongs to
            other settings or data, it is none of a run or cannot be written, or the run cannot go
            on.
        InvalidDataError: if the data cannot be used.
        ModelError: if the base model cannot be loaded.
        MissingDependencyError: if the extra ``train`` is not installed.
    """
    _require_packages()
    try:
        return _train(config, resume=resume)
    except SpladeError:
        raise  # some of them are OSErrors, too
    except OSError as error:
        raise TrainingError(
            f"the run in {config.output_dir} cannot be written: {error}; what is there is kept: "
            "make room, or choose another output_dir, and start it again"
        ) from error


def _train(config: TrainingConfig, *, resume: bool) -> Path:
    folder = config.output_dir
    checkpoint = last_checkpoint(folder)
    if checkpoint is not None and not resume:
        raise TrainingError(
            f"{folder} holds the run that wrote {checkpoint.name}: resume it, or choose another "
            "output_dir"
        )
    claim(folder, config)
    set_seed(config.seed)
    data = build_data(config)
    model, tokenizer = build_model(config, data)
    sampler = MixingSampler(
        data.lengths,
        [each.weight for each in config.data],
        batch_size=config.optimizer.batch_size,
        seed=config.seed,
        same_source_batches=config.same_source_batches,
    )
    total_steps = _total_steps(config, len(sampler))
    callbacks: list[TrainerCallback] = [CsvLog(folder / "log.csv"), _tensorboard(folder)]
    trainer = SpladeTrainer(
        model,
        build_arguments(config, total_steps=total_steps),
        objective=build_objective(config, total_steps=total_steps),
        tokenizer=tokenizer,
        max_length=config.model.max_document_tokens,
        train_dataset=data,
        data_collator=build_collator(config, tokenizer),
        sampler=sampler,
        cached_chunk_size=config.optimizer.cached_chunk_size,
        vector_distillation=build_vector_distillation(config, tokenizer),
        dense_distillation=build_dense_distillation(config, model, tokenizer),
        learning_rates=build_learning_rates(config, model),
        callbacks=callbacks,
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(TrainingProgress())
    if config.evaluation is not None:
        from splade_sdk.training.development import DevelopmentEvaluation

        trainer.add_callback(
            DevelopmentEvaluation(
                config.evaluation, model, tokenizer, config.model, log=trainer.log
            )
        )
    if checkpoint is not None and _steps_done(checkpoint) >= total_steps:
        load_checkpoint(checkpoint, model, trainer.objective)
    else:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    target = folder / "model"
    if trainer.is_world_process_zero():
        model.save_pretrained(target, tokenizer, max_length=config.model.max_document_tokens)
        log = read_log(folder / "log.csv")
        plot_log(log, folder / "plots")
        write_card(target, config, log, examples=len(data))
        _compare_with_target(config, log)
    return target


def _require_packages() -> None:
    """Tell at once what would be missed at the end."""
    for module in ("accelerate", "ir_measures", "matplotlib", "tensorboard"):
        if find_spec(module) is None:
            raise MissingDependencyError.for_extra(module.replace("_", "-"), "train")


def _compare_with_target(config: TrainingConfig, log: Sequence[dict[str, float]]) -> None:
    """Warn where the last tenth of a run is more than a tenth off its target."""
    target = config.sparsity.target_active_dims
    rows = [row for row in log if "document_active_dims" in row]
    if target is None or not rows:
        return
    last = rows[-max(1, len(rows) // 10) :]
    for side, wanted in zip(("query", "document"), target, strict=True):
        found = sum(row[f"{side}_active_dims"] for row in last) / len(last)
        if abs(found - wanted) > 0.1 * wanted:
            _logger.warning(
                "%s vectors end with %.1f active dimensions, where target_active_dims asks for "
                "%g: %s",
                side,
                found,
                wanted,
                "train longer, or at a higher learning rate"
                if found > wanted
                else "the ranking loss leads to fewer, and a regularizer adds none",
            )


def _steps_done(checkpoint: Path) -> int:
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(state["global_step"])


def _total_steps(config: TrainingConfig, examples: int) -> int:
    optimizer = config.optimizer
    # What torchrun and accelerate set; their group of processes does not exist yet.
    per_batch = optimizer.batch_size * int(os.environ.get("WORLD_SIZE", "1"))
    steps = int(optimizer.epochs * (examples // (per_batch * optimizer.accumulation_steps)))
    if optimizer.max_steps is not None:
        steps = optimizer.max_steps if examples >= per_batch else 0
    if steps < 1:
        raise TrainingError(
            f"{examples} examples do not fill one step of {per_batch} x "
            f"{optimizer.accumulation_steps}: lower batch_size or accumulation_steps, or add data"
        )
    return steps


def _tensorboard(folder: Path) -> TensorBoardCallback:
    from torch.utils.tensorboard import SummaryWriter

    return TensorBoardCallback(SummaryWriter(log_dir=str(folder / "tensorboard")))
