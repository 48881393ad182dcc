"""From a TrainingConfig to the parts of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from splade_sdk.encoders.checkpoint import fetch, read_checkpoint
from splade_sdk.encoders.masked_lm import MaskedLM, load_masked_lm
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError, InvalidDataError, ModelFormatError
from splade_sdk.training.config import (
    LossConfig,
    RegularizerConfig,
    TrainingConfig,
)
from splade_sdk.training.controller import SparsityController, Strengths
from splade_sdk.training.data import Example, MixedData, Source, collate, open_source
from splade_sdk.training.guards import CollapseGuard, StartGuard, bias_shift
from splade_sdk.training.losses import DISTILLATION_LOSSES, Mixture, make_loss
from splade_sdk.training.model import SpladeModel, TokenBatch
from splade_sdk.training.new_head import calibrate_bias, masked_lm_with_new_head, warm_up
from splade_sdk.training.objective import Objective
from splade_sdk.training.regularizers import Regularizer, active_dims, make_regularizer
from splade_sdk.training.schedules import get_schedule

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "build_arguments",
    "build_collator",
    "build_data",
    "build_learning_rates",
    "build_model",
    "build_objective",
]

# What a model without a head learns to give back, and is calibrated on.
_HEAD_TEXTS = 320
_HEAD_STEPS = 100
# Whose active dimensions say whether a model starts dense.
_START_TEXTS = 16

# Examples of each source that say whether there are negatives.
_SAMPLE = 1000

_logger = logging.getLogger(__name__)


def build_model(
    config: TrainingConfig, data: MixedData
) -> tuple[SpladeModel, PreTrainedTokenizerBase]:
    """Load the base model and its tokenizer; a model without a masked-LM head gets one.

    Args:
        config: The run's settings.
        data: Its documents warm a new head up.

    Raises:
        ModelError: if the base cannot be loaded.
        ConfigError: if the tokenizer has more tokens than the model, or a text may have more
            tokens than the model has positions.
    """
    from transformers import AutoTokenizer

    folder = read_checkpoint(
        fetch(config.model.base, revision=None, allow_pickle=False)
    ).document.folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    try:
        masked_lm = load_masked_lm(folder, dtype=torch.float32)
    except ModelFormatError:
        masked_lm = _with_new_head(folder, tokenizer, data)
    _require_positions(config, masked_lm.max_positions)
    vocabulary = masked_lm.weight.shape[0]
    if len(tokenizer) > vocabulary:
        raise ConfigError(
            f"the tokenizer of {config.model.base!r} has {len(tokenizer)} tokens, but its model "
            f"only {vocabulary}: they do not belong together"
        )
    model = SpladeModel(
        masked_lm,
        pooling=config.model.pooling,
        activation=config.model.activation,
        query_token_weights=(
            None if config.model.query_expansion else _query_token_weights(tokenizer, vocabulary)
        ),
        has_dense=config.has_dense,
    )
    _set_dropout(model, config.model.dropout)
    _bring_down(model, tokenizer, data, config)
    return model, tokenizer


def _require_positions(config: TrainingConfig, positions: int | None) -> None:
    """Refuse token limits beyond the model's positions: a long text would fail in mid-run.

    Args:
        config: The run's settings.
        positions: Tokens of a text at most, special ones included; None for no limit.
    """
    for name in ("max_query_tokens", "max_document_tokens"):
        tokens = getattr(config.model, name)
        if positions is not None and tokens > positions:
            raise ConfigError(
                f"model.{name} is {tokens}, but {config.model.base!r} has {positions} positions: "
                f"expected {positions} at most"
            )


def _set_dropout(model: SpladeModel, dropout: float | None) -> None:
    if dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = dropout


def _bring_down(
    model: SpladeModel, tokenizer: PreTrainedTokenizerBase, data: MixedData, config: TrainingConfig
) -> None:
    """Lower the bias of a head that makes documents denser than a run may start with.

    Regularizers alone bring such a model down too, but what its vectors told apart is lost then.
    """
    limit, bias = config.sparsity.max_start_active_dims, model.masked_lm.bias
    if limit is None or bias is None or config.model.pooling != "max":
        return
    texts = _sample_documents(data, _START_TEXTS)
    pieces = TextTokenizer(tokenizer, max_length=config.model.max_document_tokens).pieces(texts)
    with torch.no_grad():
        weights = model.eval().encode_document(TokenBatch.from_ids(pieces.ids))
        if config.model.activation == "log1p_log1p_relu":
            weights.expm1_()
        dense = float(active_dims(weights))
        if dense > limit:
            start = max(1, int(limit / 2))
            shift = bias_shift(weights, start)
            bias -= shift
            _logger.warning(
                "documents start with %.0f active dimensions: lowered the head's bias by %.3g to "
                "start with %d",
                dense,
                shift,
                start,
            )


def _sample_documents(data: MixedData, count: int) -> list[str]:
    step = max(1, len(data) // count)
    return [data[at].documents[0] for at in range(0, len(data), step)][:count]


def _query_token_weights(tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> torch.Tensor:
    """Return 1 for each term; special tokens get 0, where relu lets them stay."""
    weights = torch.ones(vocabulary)
    weights[tokenizer.all_special_ids] = 0.0
    return weights


def _with_new_head(folder: Path, tokenizer: PreTrainedTokenizerBase, data: MixedData) -> MaskedLM:
    masked_lm = masked_lm_with_new_head(folder)
    texts = _sample_documents(data, _HEAD_TEXTS)
    _logger.warning(
        "%s has no masked-LM head: made one of its embeddings, and warm it up with %d steps on %d "
        "documents of the data",
        folder,
        _HEAD_STEPS,
        len(texts),
    )
    warm_up(masked_lm, tokenizer, texts, steps=_HEAD_STEPS)
    calibrate_bias(masked_lm, tokenizer, texts)
    return masked_lm


def build_data(config: TrainingConfig) -> MixedData:
    """Open the sources.

    Raises:
        InvalidDataError: if one is empty or has a line that cannot be used, or a loss learns from
            a teacher's scores that no example has.
    """
    sources = []
    for each in config.data:
        source = open_source(each.path, each.split)
        if not len(source):
            raise InvalidDataError(f"{each.path}: holds no example: expected at least one")
        sources.append(source)
    _require_lists(config, sources)
    _warn_of_no_negatives(config, sources)
    return MixedData(sources, max_negatives=config.negatives_per_query, seed=config.seed)


def _require_lists(config: TrainingConfig, sources: Sequence[Source]) -> None:
    """Refuse data from which a distilling loss learns nothing: it would be 0, step by step."""
    names = {each.name for each in (*config.losses, *config.dense_losses)}
    distilling = sorted(names & DISTILLATION_LOSSES)
    if not distilling or any(
        (example := source[at]).scores is not None and len(example.documents) > 1
        for source in sources
        for at in range(len(source))
    ):
        return
    raise InvalidDataError(
        f"the loss {distilling[0]!r} learns from a teacher's scores of several documents of a "
        "query, but no example has them: add negatives with mine_negatives and scores with 'splade "
        "teach', or use the loss 'infonce'"
    )


def _warn_of_no_negatives(config: TrainingConfig, sources: Sequence[Source]) -> None:
    """Warn where in-batch negatives are the only ones, and a batch cannot have any."""
    names = {each.name for each in (*config.losses, *config.dense_losses)}
    examples = [source[at] for source in sources for at in range(min(len(source), _SAMPLE))]
    if names & DISTILLATION_LOSSES or any(len(each.documents) > 1 for each in examples):
        return
    if config.optimizer.batch_size == 1:
        _logger.warning(
            "a batch of 1 example without negatives has none: the ranking loss is 0; raise "
            "optimizer.batch_size, or add negatives with mine_negatives"
        )
    elif len(examples) > 1 and len({each.documents[0] for each in examples}) == 1:
        _logger.warning(
            "all %d examples looked at have the same positive and no negatives: there is nothing "
            "to tell it from",
            len(examples),
        )


def build_collator(
    config: TrainingConfig, tokenizer: PreTrainedTokenizerBase
) -> Callable[[Sequence[Example]], dict[str, Any]]:
    """Return what makes a TrainingBatch of examples."""
    queries = TextTokenizer(tokenizer, max_length=config.model.max_query_tokens)
    documents = TextTokenizer(tokenizer, max_length=config.model.max_document_tokens)

    def collate_tokens(examples: Sequence[Example]) -> dict[str, Any]:
        batch = collate(examples)
        return {
            "query": TokenBatch.from_ids(queries.pieces(batch.queries).ids),
            "document": TokenBatch.from_ids(documents.pieces(batch.documents).ids),
            "targets": batch.targets,
        }

    return collate_tokens


def build_learning_rates(config: TrainingConfig, model: SpladeModel) -> dict[str, float]:
    """Return the learning rates of parameters, by name, that are not trained at the common one."""
    optimizer = config.optimizer
    rates = {}
    if optimizer.head_learning_rate is not None:
        body = {id(each) for each in model.masked_lm.model.base_model.parameters()}
        for name, parameter in model.masked_lm.named_parameters(prefix="masked_lm"):
            if id(parameter) not in body:
                rates[name] = optimizer.head_learning_rate
    if model.query_token_weights is not None:
        rates["query_token_weights"] = optimizer.query_weights_learning_rate
    return rates


def build_objective(config: TrainingConfig, *, total_steps: int) -> Objective:
    """Put the loss together.

    Args:
        config: The run's settings.
        total_steps: Optimiser steps of the run.
    """
    sparsity = config.sparsity
    strengths = Strengths(
        sparsity.query.strength if sparsity.query else 0.0,
        sparsity.document.strength if sparsity.document else 0.0,
    )
    controller = None
    if sparsity.target_active_dims is not None:
        controller = SparsityController(sparsity.target_active_dims, total_steps, strengths)
    limit = sparsity.max_start_active_dims
    return Objective(
        _mixture(config.losses),
        query_regularizer=_regularizer(sparsity.query),
        document_regularizer=_regularizer(sparsity.document),
        strengths=strengths,
        schedule=get_schedule(sparsity.schedule),
        warmup_steps=round(sparsity.warmup_share * total_steps),
        controller=controller,
        start_guard=None if limit is None else StartGuard(limit),
        collapse_guard=CollapseGuard(),
        dense_ranking=_mixture(config.dense_losses) if config.dense_losses else None,
        vector_weight=config.vector_distillation.weight if config.vector_distillation else 0.0,
        dense_vector_weight=config.dense_distillation.weight if config.dense_distillation else 0.0,
    )


def _mixture(losses: Sequence[LossConfig]) -> Mixture:
    return Mixture(
        [(each.name, make_loss(each.name, **each.options), each.weight) for each in losses]
    )


def _regularizer(config: RegularizerConfig | None) -> Regularizer | None:
    return None if config is None else make_regularizer(config.name, **config.options)


def build_arguments(config: TrainingConfig, *, total_steps: int) -> TrainingArguments:
    """Translate to transformers' settings.

    Args:
        config: The run's settings.
        total_steps: Optimiser steps of the run.
    """
    optimizer = config.optimizer
    return TrainingArguments(
        output_dir=str(config.output_dir),
        max_steps=total_steps,
        per_device_train_batch_size=optimizer.batch_size,
        gradient_accumulation_steps=optimizer.accumulation_steps,
        learning_rate=optimizer.learning_rate,
        weight_decay=optimizer.weight_decay,
        warmup_steps=round(optimizer.warmup_share * total_steps),
        lr_scheduler_type=optimizer.lr_scheduler,
        max_grad_norm=optimizer.max_grad_norm,
        logging_steps=config.log_every_steps,
        save_steps=config.checkpoints.every_steps,
        save_total_limit=config.checkpoints.keep,
        seed=config.seed,
        use_cpu=not torch.accelerator.is_available(),  # without it, bfloat16 is refused there
        bf16=config.dtype == "bfloat16",
        fp16=config.dtype == "float16",
        report_to=[],
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        dataloader_drop_last=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
