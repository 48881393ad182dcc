"""The fingerprint of a SPLADE model: hashes of its weights, vocabulary, prompts and query side."""

from __future__ import annotations

import hashlib
from pathlib import Path

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.checkpoint import LEARNED_WEIGHTS
from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side, TokenSide

__all__ = ["splade_fingerprint", "weights_sha256"]


def splade_fingerprint(
    model: str, folder: Path, document: ModelSide, query: Side, *, idf: bool
) -> Fingerprint:
    """Return what identifies the vectors of a model.

    Args:
        model: Name or folder of the model, as the user gave it.
        folder: The folder with the document side's weights; they are read in full.
        document: The document side.
        query: The query side.
        idf: Whether the engine multiplies query weights by the inverse document frequency.
    """
    weights = weights_sha256(folder)
    vocabulary = sorted(
        document.text_tokenizer.tokenizer.get_vocab().items(), key=lambda item: item[1]
    )
    tokens = "\n".join(token for token, _ in vocabulary)
    prompt = document.text_tokenizer.prompt
    return Fingerprint(
        kind="splade",
        model=model,
        revision=weights,
        pooling=document.head.pooling,
        activation=document.head.activation,
        vocabulary_sha256=hashlib.sha256(tokens.encode()).hexdigest(),
        dimensions=document.dimensions,
        idf=idf,
        document_prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest(),
        query_side_sha256=_query_side_sha256(query, document, weights),
    )


def weights_sha256(folder: Path) -> str:
    """Return the hash of a model's weights files; learned query weights are not among them."""
    weights = hashlib.sha256()
    files = [each for each in folder.glob("*.safetensors") if each.name != LEARNED_WEIGHTS]
    for path in sorted(files) or sorted(folder.glob("*.bin")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                weights.update(block)
    return weights.hexdigest()


def _query_side_sha256(query: Side, document: ModelSide, weights: str) -> str:
    """Return the hash of what the query side has apart from the document side.

    Args:
        query: The query side.
        document: The document side.
        weights: Hash of the document side's weights.
    """
    digest = hashlib.sha256(query.text_tokenizer.prompt.encode() + b"\0")
    if isinstance(query, TokenSide):
        digest.update(query.weights.tobytes())
    elif isinstance(query, ModelSide):
        own = weights
        if query.folder is not None and query.folder != document.folder:
            own = weights_sha256(query.folder)
        if own != weights:
            digest.update(own.encode())
        pooled = (query.head.pooling, query.head.activation)
        if pooled != (document.head.pooling, document.head.activation):
            digest.update(str(pooled).encode())
    return digest.hexdigest()
