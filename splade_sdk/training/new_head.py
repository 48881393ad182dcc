"""A vocabulary head for models that come without one, from their own tied embeddings.

The input embeddings, used as output embeddings, already score words like those of the text. Two
things make a start out of that: a short warm-up in which every token learns to predict itself,
and a bias that leaves few terms active.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from splade_sdk.encoders.head import Workspace, max_over_tokens
from splade_sdk.encoders.masked_lm import MaskedLM, quiet_transformers
from splade_sdk.encoders.model_side import plan_batches
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError, ModelFormatError
from splade_sdk.training.model import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["calibrate_bias", "masked_lm_with_new_head", "warm_up"]

# GELU is the identity, to float32 precision, on inputs around this shift; the LayerNorm behind it
# takes the shift out again.
_LINEAR_SHIFT = 20.0
_NEVER = -1e4


def masked_lm_with_new_head(folder: Path, *, dtype: torch.dtype = torch.float32) -> MaskedLM:
    """Load a model that has no masked-LM head, and give it one tied to its embeddings.

    BERT's head starts as the identity; other architectures' transforms start at random and need
    the warm-up.

    Args:
        folder: A transformers encoder.
        dtype: Floating-point type of the weights in memory.

    Raises:
        ModelFormatError: if transformers has no masked language model of this architecture, the
            files are damaged, or they lack weights of the encoder itself.
    """
    from transformers import AutoModelForMaskedLM

    model: PreTrainedModel
    try:
        with quiet_transformers():
            model, info = AutoModelForMaskedLM.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
    except Exception as error:
        # Damaged files fail as OSError, SafetensorError, RuntimeError, ... in the libraries below.
        raise ModelFormatError(
            f"{folder} cannot get a masked-LM head: transformers has none for it, or cannot read "
            f"it ({error})"
        ) from error
    body = {f"{model.base_model_prefix}.{name}" for name, _ in model.base_model.named_parameters()}
    if missing := sorted(body.intersection(info["missing_keys"])):
        raise ModelFormatError(
            f"{folder} lacks weights of the encoder itself ({', '.join(missing[:4])}"
            f"{', ...' if len(missing) > 4 else ''}): expected a whole model"
        )
    model.tie_weights()
    transform = getattr(
        getattr(getattr(model, "cls", None), "predictions", None), "transform", None
    )
    if transform is not None:
        with torch.no_grad():
            nn.init.eye_(transform.dense.weight)
            transform.dense.bias.fill_(_LINEAR_SHIFT)
            nn.init.ones_(transform.LayerNorm.weight)
            nn.init.zeros_(transform.LayerNorm.bias)
    return MaskedLM(model)


def warm_up(
    masked_lm: MaskedLM,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    steps: int,
    learning_rate: float = 1e-3,
    batch_size: int = 16,
    max_length: int = 64,
) -> list[float]:
    """Teach the head, and nothing else, that each token predicts itself.

    Special tokens are left out. The bias comes after: see ``calibrate_bias``.

    Args:
        masked_lm: Its head's transform and bias change; its embeddings and body do not.
        tokenizer: Of the model.
        texts: Any texts of the kind to come.
        steps: Batches to learn from.
        learning_rate: Of AdamW.
        batch_size: Texts in a batch.
        max_length: Tokens of a text at most.

    Returns:
        The mean cross entropy a token of each step, in nats.

    Raises:
        ConfigError: if there is no text.
    """
    ids = TextTokenizer(tokenizer, max_length=max_length).pieces(texts).ids
    if not ids:
        raise ConfigError("no text to warm the head up with: pass some")
    special = torch.tensor(tokenizer.all_special_ids)
    body = {id(parameter) for parameter in masked_lm.model.base_model.parameters()}
    head = [p for p in masked_lm.model.parameters() if id(p) not in body]
    optimizer = torch.optim.AdamW(head, lr=learning_rate)
    losses = []
    for step in range(steps):
        start = step * batch_size % len(ids)
        batch = TokenBatch.from_ids(ids[start : start + batch_size]).to(masked_lm.weight.device)
        real = torch.arange(batch.input_ids.shape[1]) < torch.tensor(batch.lengths)[:, None]
        real = real.to(masked_lm.weight.device)
        words = real & ~torch.isin(batch.input_ids, special.to(real.device))
        hidden = masked_lm(batch.input_ids, real.long())[words]
        logits = nn.functional.linear(hidden, masked_lm.weight, masked_lm.bias)
        loss = nn.functional.cross_entropy(logits, batch.input_ids[words])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    masked_lm.zero_grad(set_to_none=True)
    return losses


def calibrate_bias(
    masked_lm: MaskedLM,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    deviations: float = 2.0,
    max_length: int = 128,
) -> None:
    """Set the bias of each term to ``-(mean + deviations * std)`` of its pooled logit.

    A term is then active where its logit is that far above its own mean; special tokens never are.

    Args:
        masked_lm: Its output bias is overwritten.
        tokenizer: Of the model.
        texts: A sample of passages, some hundreds.
        deviations: Higher leaves fewer terms active; between 1.5 and 2.5 is usual.
        max_length: Tokens of a text at most.

    Raises:
        ConfigError: if the head has no bias, or there are fewer than two texts.
    """
    ids = TextTokenizer(tokenizer, max_length=max_length).pieces(texts).ids
    bias = masked_lm.bias
    if bias is None or len(ids) < 2:
        raise ConfigError(
            f"cannot calibrate from {len(ids)} texts on a head "
            f"{'without' if bias is None else 'with'} bias: pass at least two texts, and a model "
            "whose output embeddings have a bias"
        )
    training = masked_lm.training
    masked_lm.eval()
    total = torch.zeros(masked_lm.weight.shape[0], dtype=torch.float64)
    squares = torch.zeros_like(total)
    workspace = Workspace()
    with torch.inference_mode():
        for rows in plan_batches([len(text) for text in ids], max_tokens=2048):
            batch = TokenBatch.from_ids([ids[row] for row in rows]).to(bias.device)
            real = torch.arange(batch.input_ids.shape[1]) < torch.tensor(batch.lengths)[:, None]
            real = real.to(bias.device)
            tokens = masked_lm(batch.input_ids, real.long())[real]
            pooled = max_over_tokens(tokens, batch.lengths, masked_lm.weight, workspace)
            total += pooled.double().sum(dim=0).cpu()
            squares += pooled.double().square().sum(dim=0).cpu()
    mean = total / len(ids)
    deviation = (squares / len(ids) - mean.square()).clamp_min(0).sqrt()
    with torch.no_grad():
        bias.copy_(-(mean + deviations * deviation))
        bias[[at for at in tokenizer.all_special_ids if at < bias.shape[0]]] = _NEVER
    masked_lm.train(training)
