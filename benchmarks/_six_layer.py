"""A 6-layer, 384-wide SPLADE model to measure speed with; its vectors mean nothing.

The encoder is all-MiniLM-L6-v2. The masked-LM head is untrained but already sparse, as a trained
one is: its transform hands the hidden states on (identity, and a bias of 20 that keeps GELU linear
and that LayerNorm takes away again), and the bias of each term lies two standard deviations above
its mean pooled logit, so that few terms are active.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer, BertForMaskedLM
from transformers.utils import logging

from benchmarks._weights import mini_lm_folder
from splade_sdk.encoders.head import Workspace, max_over_tokens

_OFF = -1e4


@torch.inference_mode()
def build_six_layer(folder: Path, passages: Sequence[str]) -> Path:
    """Write the model and its tokenizer.

    Args:
        folder: Where to.
        passages: Sets the bias of each term; some hundreds.
    """
    source = mini_lm_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    config = AutoConfig.from_pretrained(source, tie_word_embeddings=True)
    logging.set_verbosity_error()  # the head is missing, and made below
    loaded: Any = BertForMaskedLM.from_pretrained(source, config=config, output_loading_info=True)
    model, info = loaded
    missing = [name for name in info["missing_keys"] if not name.startswith("cls.")]
    if missing:
        raise SystemExit(f"{source} lacks {missing}")
    model.eval()
    head = model.cls.predictions
    head.transform.dense.weight.copy_(torch.eye(config.hidden_size))
    head.transform.dense.bias.fill_(20.0)
    head.transform.LayerNorm.weight.fill_(1.0)
    head.transform.LayerNorm.bias.zero_()
    head.bias.zero_()
    pooled = torch.cat([_largest_logits(model, tokenizer, passage) for passage in passages])
    mean, deviation = pooled.mean(0), pooled.std(0)
    scale = 1.0 / deviation.mean()
    head.transform.LayerNorm.weight.mul_(scale)
    head.bias.copy_(-(mean + 2 * deviation) * scale)
    vocabulary = tokenizer.get_vocab()
    unused = [at for token, at in vocabulary.items() if token.startswith("[unused")]
    head.bias[[*unused, *tokenizer.all_special_ids]] = _OFF
    model.save_pretrained(folder)
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    return folder


def _largest_logits(model: Any, tokenizer: Any, passage: str) -> torch.Tensor:
    ids = tokenizer(passage, truncation=True, max_length=384, return_tensors="pt").input_ids
    hidden = model.cls.predictions.transform(model.bert(input_ids=ids).last_hidden_state[0])
    weight = model.get_output_embeddings().weight
    return max_over_tokens(hidden, [ids.shape[1]], weight, Workspace())
