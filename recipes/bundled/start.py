"""The model that training starts from: all-MiniLM-L6-v2 with a head from its own embeddings.

The head's transform is the identity, and the bias of each term lies ``--deviations`` of its pooled
logit above their mean.

    python -m recipes.bundled.start --model FOLDER --output runs/bundled
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from recipes.bundled.pool import pool_passages
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.training.model import SpladeModel, TokenBatch
from splade_sdk.training.new_head import calibrate_bias, masked_lm_with_new_head

_TEXTS = 768
_MAX_TOKENS = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, default=Path("runs/bundled"))
    parser.add_argument("--deviations", type=float, default=2.5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--name", default="start")
    asked = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    tokenizer.model_max_length = _MAX_TOKENS
    texts = pool_passages(asked.output)
    texts = texts[:: max(1, len(texts) // _TEXTS)][:_TEXTS]
    masked_lm = masked_lm_with_new_head(Path(asked.model))
    head: Any = masked_lm.model.cls
    with torch.no_grad():
        head.predictions.transform.LayerNorm.weight.mul_(asked.scale)
    calibrate_bias(masked_lm, tokenizer, texts, deviations=asked.deviations)
    unused = [at for term, at in tokenizer.get_vocab().items() if term.startswith("[unused")]
    bias: Any = masked_lm.bias
    with torch.no_grad():
        bias[unused] = float(bias[tokenizer.mask_token_id])
    model = SpladeModel(masked_lm.eval(), has_dense=True)
    pieces = TextTokenizer(tokenizer, max_length=128).pieces(texts[:256])
    with torch.no_grad():
        weights = model.encode_document(TokenBatch.from_ids(pieces.ids))
    print(
        f"{float((weights > 0).sum(1).float().mean()):.0f} active terms a passage, "
        f"mean weight {float(weights[weights > 0].mean()):.2f}"
    )
    model.save_pretrained(asked.output / asked.name, tokenizer, max_length=_MAX_TOKENS)


if __name__ == "__main__":
    main()
