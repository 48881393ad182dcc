"""What tells one encoder from another: hashes of its weights, prompts and query side."""

from __future__ import annotations

import hashlib
from pathlib import Path

from splade_sdk.encoders.checkpoint import LEARNED_WEIGHTS
from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side
from splade_sdk.encoders.token_side import TokenSide

__all__ = ["document_prompt_sha256", "query_side_sha256", "weights_sha256"]


def weights_sha256(folder: Path) -> str:
    """Return the hash of a model's weights files; learned query weights are not among them."""
    weights = hashlib.sha256()
    files = [each for each in folder.glob("*.safetensors") if each.name != LEARNED_WEIGHTS]
    for path in sorted(files) or sorted(folder.glob("*.bin")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                weights.update(block)
    return weights.hexdigest()


def document_prompt_sha256(document: Side) -> str:
    """Return the hash of what is put before every document."""
    return hashlib.sha256(document.text_tokenizer.prompt.encode()).hexdigest()


def query_side_sha256(query: Side, document: ModelSide, weights: str) -> str:
    """Return the hash of what determines the vectors of queries beside the document side.

    Args:
        query: The query side.
        document: The document side.
        weights: Hash of its weights.
    """
    made = hashlib.sha256(query.text_tokenizer.prompt.encode() + b"\0")
    if isinstance(query, TokenSide):
        made.update(query.weights.tobytes())
    elif isinstance(query, ModelSide):
        own = weights
        if query.folder is not None and query.folder != document.folder:
            own = weights_sha256(query.folder)
        if own != weights:
            made.update(own.encode())
        pooled = (query.head.pooling, query.head.activation)
        if pooled != (document.head.pooling, document.head.activation):
            made.update(str(pooled).encode())
    return made.hexdigest()
