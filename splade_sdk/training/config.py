"""Everything a training run is determined by: one frozen object, one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from splade_sdk.errors import ConfigError, MissingDependencyError
from splade_sdk.settings import Settings, config_error
from splade_sdk.training.losses import LOSSES, make_loss
from splade_sdk.training.registry import look_up
from splade_sdk.training.regularizers import REGULARIZERS, make_regularizer
from splade_sdk.training.schedules import SCHEDULES

__all__ = [
    "CheckpointConfig",
    "DataConfig",
    "EvaluationConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "RegularizerConfig",
    "SparsityConfig",
    "TrainingConfig",
    "VectorDistillationConfig",
    "load_config",
    "parse_config",
]


class ModelConfig(Settings):
    """The model to start from.

    Attributes:
        base: Name or folder of a SPLADE or masked-language model; a folder may be relative to
            the YAML file.
        pooling: Over positions.
        activation: Of the pooled logits.
        query_expansion: False trains SPLADE-doc: a query has its own words only, with learned
            weights.
        max_query_tokens: Longer queries are cut.
        max_document_tokens: Longer documents are cut.
        dropout: Of hidden states and attention; None takes the model's own.
    """

    base: str
    pooling: Literal["max", "sum"] = "max"
    activation: Literal["log1p_relu", "log1p_log1p_relu"] = "log1p_relu"
    query_expansion: bool = True
    max_query_tokens: int = Field(default=64, ge=2)
    max_document_tokens: int = Field(default=256, ge=2)
    dropout: float | None = Field(default=None, ge=0, lt=1)


class DataConfig(Settings):
    """One source of examples.

    Attributes:
        path: JSONL file (plain, .gz or .zst) or BEIR folder; relative to the YAML file.
        split: Judgements to take of a BEIR folder.
        weight: How often each example comes in an epoch.
    """

    path: Path
    split: str = "train"
    weight: float = Field(default=1.0, gt=0)


class LossConfig(Settings):
    """One loss of the mixture.

    Attributes:
        name: Key of LOSSES.
        weight: In the sum.
        options: What the loss takes, such as ``temperature``.
    """

    name: str
    weight: float = Field(default=1.0, gt=0)
    options: dict[str, float | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        look_up(LOSSES, "loss", self.name)
        make_loss(self.name, **self.options)
        return self


class VectorDistillationConfig(Settings):
    """A model whose vectors the student learns, beside the ranking.

    Attributes:
        teacher: Name or folder of a model with the same vocabulary; a folder may be relative to
            the YAML file. For sparse vectors a SPLADE model, for dense ones a sentence embedding
            model with mean pooling.
        weight: In the sum.
    """

    teacher: str
    weight: float = Field(default=1.0, gt=0)


class RegularizerConfig(Settings):
    """The regulariser of one side.

    Attributes:
        name: Key of REGULARIZERS.
        strength: Factor of the penalty; with ``target_active_dims`` where the search starts.
        options: What the regulariser takes, such as ``alpha``.
    """

    name: str = "flops"
    strength: float = Field(default=1e-4, gt=0)
    options: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        look_up(REGULARIZERS, "regularizer", self.name)
        make_regularizer(self.name, **self.options)
        return self


class SparsityConfig(Settings):
    """How sparse the vectors become.

    Attributes:
        query: Regulariser of queries; None leaves them alone.
        document: Regulariser of documents; None leaves them alone.
        schedule: Key of SCHEDULES.
        warmup_share: Share of the steps until the schedule reaches 1.
        target_active_dims: Mean active dimensions of queries and documents to end with; the
            strengths are then found by a controller.
        max_start_active_dims: Above this, the ranking loss waits for the regularisers; None never
            waits.
    """

    query: RegularizerConfig | None = RegularizerConfig()
    document: RegularizerConfig | None = RegularizerConfig()
    schedule: str = "quadratic"
    warmup_share: float = Field(default=1 / 3, ge=0, le=1)
    target_active_dims: tuple[float, float] | None = None
    max_start_active_dims: float | None = Field(default=3000, ge=1)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        look_up(SCHEDULES, "schedule", self.schedule)
        if self.target_active_dims is not None:
            if min(self.target_active_dims) <= 0:
                raise ConfigError(
                    f"target_active_dims is {list(self.target_active_dims)}: expected numbers "
                    "greater than 0"
                )
            if self.query is None or self.document is None:
                raise ConfigError("target_active_dims needs a regularizer on both sides")
        return self


class OptimizerConfig(Settings):
    """How the weights move.

    Attributes:
        learning_rate: Highest, after the warm-up.
        head_learning_rate: The same for the vocabulary head's own parameters (transform and bias,
            not the tied embeddings), which may need to move further; None takes
            ``learning_rate``.
        query_weights_learning_rate: The same for learned query term weights (SPLADE-doc).
        weight_decay: Of AdamW.
        max_steps: Optimiser steps; None goes by ``epochs``.
        epochs: Passes over the data, where ``max_steps`` is None.
        warmup_share: Share of the steps until the learning rate is at its highest.
        lr_scheduler: Name of a transformers scheduler, of those that need no numbers of their own.
        batch_size: Examples of a step on one device, before accumulation.
        accumulation_steps: Batches added up before the weights move.
        cached_chunk_size: Texts encoded at once with gradient caching; None encodes the batch as
            a whole.
        max_grad_norm: Gradients are clipped to this norm.
    """

    learning_rate: float = Field(default=2e-5, gt=0)
    head_learning_rate: float | None = Field(default=None, gt=0)
    query_weights_learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    max_steps: int | None = Field(default=None, ge=1)
    epochs: float = Field(default=1.0, gt=0)
    warmup_share: float = Field(default=0.06, ge=0, le=1)
    lr_scheduler: Literal[
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "constant",
        "constant_with_warmup",
        "inverse_sqrt",
    ] = "linear"
    batch_size: int = Field(default=32, ge=1)
    accumulation_steps: int = Field(default=1, ge=1)
    cached_chunk_size: int | None = Field(default=None, ge=1)
    max_grad_norm: float = Field(default=1.0, gt=0)


class EvaluationConfig(Settings):
    """What is measured during the run.

    Attributes:
        path: BEIR folder; relative to the YAML file.
        split: Judgements to take.
        every_steps: Steps between two measurements.
        max_queries: Judged queries to take at most.
        max_documents: Documents to take at most, the relevant ones first.
    """

    path: Path
    split: str = "test"
    every_steps: int = Field(default=500, ge=1)
    max_queries: int = Field(default=200, ge=1)
    max_documents: int = Field(default=5000, ge=1)


class CheckpointConfig(Settings):
    """What is kept on disk.

    Attributes:
        every_steps: Steps between two checkpoints.
        keep: Checkpoints to keep, newest first.
    """

    every_steps: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=1)


class TrainingConfig(Settings):
    """A training run.

    Attributes:
        model: What to start from.
        data: Sources of examples.
        losses: Added up by their weights.
        dense_losses: The same for dense vectors from the same pass (the normalised mean of the
            last hidden states, so that scores are cosines); empty trains no dense head.
        vector_distillation: A teacher of the sparse vectors themselves; None for none.
        dense_distillation: A teacher of the dense vectors themselves, such as the base, which the
            student's then stay near to; None for none.
        sparsity: Regularisers and their control.
        optimizer: Steps, batches and rates.
        evaluation: Measured during the run; None measures nothing.
        checkpoints: When to save.
        output_dir: Folder of the run; relative to the YAML file.
        negatives_per_query: Hard negatives to take of an example at most; None takes all.
        same_source_batches: Fill each batch from one source.
        seed: Of everything random.
        dtype: Of the forward and backward pass; weights and sums stay float32.
        log_every_steps: Steps between two lines of the log.
    """

    model: ModelConfig
    data: tuple[DataConfig, ...] = Field(min_length=1)
    losses: tuple[LossConfig, ...] = Field(default=(LossConfig(name="infonce"),), min_length=1)
    dense_losses: tuple[LossConfig, ...] = ()
    vector_distillation: VectorDistillationConfig | None = None
    dense_distillation: VectorDistillationConfig | None = None
    sparsity: SparsityConfig = SparsityConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    evaluation: EvaluationConfig | None = None
    checkpoints: CheckpointConfig = CheckpointConfig()
    output_dir: Path
    negatives_per_query: int | None = Field(default=None, ge=0)
    same_source_batches: bool = False
    seed: int = Field(default=0, ge=0)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    log_every_steps: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for losses in (self.losses, self.dense_losses):
            names = [each.name for each in losses]
            if len(set(names)) < len(names):
                raise ConfigError(
                    f"losses are {', '.join(names)}: expected each name once, with its weight"
                )
        if self.has_dense and not self.model.query_expansion:
            raise ConfigError(
                "dense_losses and dense_distillation need queries that run the model: leave them "
                "out, or set model.query_expansion"
            )
        return self

    @property
    def has_dense(self) -> bool:
        """True if a dense head is trained."""
        return bool(self.dense_losses) or self.dense_distillation is not None


def load_config(path: Path | str) -> TrainingConfig:
    """Read a YAML file; paths in it are relative to its folder.

    Raises:
        ConfigError: if it cannot be read, a key does not exist (the message names the nearest
            valid one), or a value is out of range.
        MissingDependencyError: if PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError.for_extra("PyYAML", "train") from error
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {type(values).__name__}: expected keys such as 'model:'")
    config = parse_config(values, where=str(path))
    folder = path.parent
    evaluation = config.evaluation
    return config.model_copy(
        update={
            "model": config.model.model_copy(update={"base": _found(config.model.base, folder)}),
            **{
                name: taught.model_copy(update={"teacher": _found(taught.teacher, folder)})
                for name in ("vector_distillation", "dense_distillation")
                if (taught := getattr(config, name)) is not None
            },
            "output_dir": folder / config.output_dir,
            "data": tuple(
                each.model_copy(update={"path": folder / each.path}) for each in config.data
            ),
            "evaluation": evaluation
            and evaluation.model_copy(update={"path": folder / evaluation.path}),
        }
    )


def _found(model: str, folder: Path) -> str:
    """Return the path of a model that lies relative to a folder, else its name."""
    return str(folder / model) if (folder / model).is_dir() else model


def parse_config(values: Mapping[str, Any], *, where: str = "config") -> TrainingConfig:
    """Check settings.

    Args:
        values: As in the YAML file.
        where: What holds them; named in messages.

    Raises:
        ConfigError: if a key does not exist, is missing, or has a value that is out of range; the
            message names all of them.
    """
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        raise config_error(error, TrainingConfig, where=where) from error
