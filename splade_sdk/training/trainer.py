"""SpladeTrainer: transformers' Trainer with the SPLADE objective."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from splade_sdk.errors import TrainingError
from splade_sdk.training.checkpoints import load_checkpoint, save_checkpoint
from splade_sdk.training.gradient_cache import cached_backward
from splade_sdk.training.model import SpladeModel, TokenBatch
from splade_sdk.training.objective import Objective
from splade_sdk.training.scores import Targets

if TYPE_CHECKING:
    from torch.utils.data import Dataset, Sampler
    from transformers import PreTrainedTokenizerBase

    from splade_sdk.training.dense_distillation import DenseDistillation
    from splade_sdk.training.vector_distillation import VectorDistillation

__all__ = ["SpladeTrainer", "TrainingBatch"]


# What the teachers of sparse and dense vectors make of queries and documents.
_Taught: TypeAlias = tuple[tuple[Tensor, Tensor] | None, tuple[Tensor, Tensor] | None]


class TrainingBatch(TypedDict):
    """What the collator makes."""

    query: TokenBatch
    document: TokenBatch
    targets: Targets


class SpladeTrainer(Trainer):
    """Trains a SpladeModel.

    Resuming, mixed precision, accumulation, many devices and logging are transformers' own.

    Args:
        model: What is trained.
        args: transformers' settings.
        objective: The loss.
        tokenizer: Of the model; saved with it.
        max_length: Tokens of a text at most, for the saved model.
        train_dataset: What ``data_collator`` takes rows of.
        data_collator: Makes a TrainingBatch of rows.
        sampler: Order of the rows.
        cached_chunk_size: Texts that hold activations at a time (gradient caching, Gao et al.
            2021, arXiv 2101.06983); None holds the whole batch.
        vector_distillation: A teacher of the sparse vectors themselves.
        dense_distillation: A teacher of the dense vectors themselves.
        learning_rates: Learning rate of parameters, by name, where it is not that of ``args``.
        callbacks: Further callbacks.
    """

    def __init__(
        self,
        model: SpladeModel,
        args: TrainingArguments,
        *,
        objective: Objective,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        train_dataset: Dataset[Any],
        data_collator: Callable[[list[Any]], Any],
        sampler: Sampler[int],
        cached_chunk_size: int | None = None,
        vector_distillation: VectorDistillation | None = None,
        dense_distillation: DenseDistillation | None = None,
        learning_rates: Mapping[str, float] | None = None,
        callbacks: list[TrainerCallback] | None = None,
    ) -> None:
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_dataset,
            data_collator=data_collator,
            callbacks=[*(callbacks or []), _EndStep(objective)],
        )
        self.objective: Objective = objective
        self.model_accepts_loss_kwargs = False
        self._tokenizer = tokenizer
        self._sampler = sampler
        self._max_length = max_length
        self._cached_chunk_size = cached_chunk_size
        self._teachers = (vector_distillation, dense_distillation)
        self._learning_rates = dict(learning_rates or {})
        self._parts: dict[str, list[float]] = defaultdict(list)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        del train_dataset
        return self._sampler

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make transformers' optimiser, parameters with a rate of their own in groups of theirs.

        Args:
            model: As transformers passes it.
        """
        made: torch.optim.Optimizer = super().create_optimizer(model)
        named = self.accelerator.unwrap_model(self.model).named_parameters()
        rate_of = {
            parameter: self._learning_rates[name]
            for name, parameter in named
            if name in self._learning_rates
        }
        for group in list(made.param_groups):
            apart = [each for each in group["params"] if each in rate_of]
            group["params"] = [each for each in group["params"] if each not in rate_of]
            settings = {key: value for key, value in group.items() if key != "params"}
            for rate in sorted({rate_of[each] for each in apart}):
                params = [each for each in apart if rate_of[each] == rate]
                made.add_param_group({**settings, "params": params, "lr": rate})
        return made

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a batch, and None as outputs where asked for.

        Args:
            model: The wrapped model.
            inputs: A TrainingBatch.
            return_outputs: Return a pair.
            num_items_in_batch: Not used: a query is an item.
        """
        del num_items_in_batch
        query, document = (inputs[side].to(self.args.device) for side in ("query", "document"))
        taught = self._taught(query, document)
        loss = self._loss(model(query, document), inputs["targets"], taught)
        return (loss, None) if return_outputs else loss

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Run one forward and backward pass; with gradient caching, two forward passes.

        Args:
            model: The wrapped model.
            inputs: A TrainingBatch.
            num_items_in_batch: Not used.
        """
        if self._cached_chunk_size is None:
            loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
            return loss
        model.train()
        steps = self.current_gradient_accumulation_steps
        query, document = (inputs[side].to(self.args.device) for side in ("query", "document"))
        with self.compute_loss_context_manager():
            taught = self._taught(query, document)
        return cached_backward(
            model,
            query,
            document,
            lambda *vectors: self._loss(vectors, inputs["targets"], taught) / steps,
            chunk_size=self._cached_chunk_size,
            backward=self.accelerator.backward,
            no_sync=lambda: self.accelerator.no_sync(model),
            context=self.compute_loss_context_manager,
        )

    def _taught(self, query: TokenBatch, document: TokenBatch) -> _Taught:
        sparse, dense = self._teachers
        return (
            sparse.vectors(query, document) if sparse is not None else None,
            dense.vectors(query, document) if dense is not None else None,
        )

    def _loss(
        self,
        vectors: Sequence[Tensor],
        targets: Targets,
        taught: _Taught,
    ) -> Tensor:
        query, document, *dense = (each.float() for each in vectors)
        targets = targets.to(query.device)
        sparse_taught, dense_taught = taught
        step = self.objective(
            query,
            document,
            targets,
            self.state.global_step,
            *dense,
            taught=sparse_taught,
            dense_taught=dense_taught,
        )
        for name, value in step.parts.items():
            self._parts[name].append(value)
        return step.total

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means of the loss parts since the last time.

        Args:
            logs: What transformers logs.
            start_time: When the run began.
        """
        if "loss" in logs:
            logs |= {name: sum(all_) / len(all_) for name, all_ in self._parts.items() if all_}
            self._parts.clear()
        super().log(logs, start_time)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        del state_dict
        folder = Path(output_dir or str(self.args.output_dir))
        model = self.accelerator.unwrap_model(self.model)
        save_checkpoint(folder, model, self.objective, self._tokenizer, self._max_length)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        unwrapped = self.accelerator.unwrap_model(self.model if model is None else model)
        load_checkpoint(Path(resume_from_checkpoint), unwrapped, self.objective)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise TrainingError(
                f"the checkpoint of step {self.state.global_step} could not be written ({error}); "
                f"earlier ones in {folder.parent} are whole: make room and resume"
            ) from error


class _EndStep(TrainerCallback):
    """Tells the objective that the optimiser has stepped."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        """Move the strengths."""
        del args, control
        self._objective.end_step(state.global_step)
