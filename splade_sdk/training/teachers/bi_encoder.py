"""A dense bi-encoder: one vector a text, compared by cosine or inner product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from splade_sdk.encoders.base import DenseEncoder
from splade_sdk.errors import ModelFormatError
from splade_sdk.training.teachers.base import ScoreArray
from splade_sdk.training.teachers.cache import TextCache
from splade_sdk.training.teachers.loading import load_pretrained

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BiEncoderTeacher", "TransformerEmbedder"]

Embedding = NDArray[np.float32]


class BiEncoderTeacher:
    """Scores pairs by the similarity of their embeddings.

    Args:
        encoder: Anything with ``encode(list of str) -> array``, such as a SentenceTransformer or a
            TransformerEmbedder.
        similarity: ``cosine``, or ``dot`` for the inner product.
        query_prefix: Put before each query, where the model asks for it.
        document_prefix: Put before each document.
        cache_size: Embeddings of documents kept, since hard negatives come again and again.
    """

    def __init__(
        self,
        encoder: DenseEncoder,
        *,
        similarity: Literal["cosine", "dot"] = "cosine",
        query_prefix: str = "",
        document_prefix: str = "",
        cache_size: int = 50_000,
    ) -> None:
        self._encoder = encoder
        self._similarity = similarity
        self._query_prefix = query_prefix
        self._document_prefix = document_prefix
        self._documents: TextCache[Embedding] = TextCache(self._embed_documents, cache_size)

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents."""
        embedded = self._embed([self._query_prefix + query for query in queries])
        found = iter(self._documents.get([text for texts in documents for text in texts]))
        return [
            np.array([next(found) @ query for _ in texts], dtype=np.float32)
            for query, texts in zip(embedded, documents, strict=True)
        ]

    def _embed_documents(self, texts: list[str]) -> Embedding:
        return self._embed([self._document_prefix + text for text in texts])

    def _embed(self, texts: list[str]) -> Embedding:
        vectors = np.asarray(self._encoder.encode(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ModelFormatError(
                f"the teacher returned an array of shape {vectors.shape} for {len(texts)} texts: "
                "expected one row a text"
            )
        if self._similarity == "cosine":
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
        return vectors


class TransformerEmbedder:
    """Embeds texts with a transformers model.

    Args:
        model: A model that returns hidden states.
        tokenizer: Its tokenizer.
        pooling: ``mean`` over the tokens, or ``cls`` for the first.
        batch_size: Texts embedded at once.
        max_tokens: Longer texts are cut.
        device: Where the model runs.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        pooling: Literal["mean", "cls"] = "mean",
        batch_size: int = 32,
        max_tokens: int = 256,
        device: str = "cpu",
    ) -> None:
        self._model = model.to(device).eval()
        self._tokenizer = tokenizer
        self._pooling = pooling
        self._batch_size = batch_size
        self._max_tokens = max_tokens
        self._device = device

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        pooling: Literal["mean", "cls"] = "mean",
        batch_size: int = 32,
        max_tokens: int = 256,
        device: str = "cpu",
    ) -> Self:
        """Load a model by name or folder; only safetensors, no code of its own.

        Raises:
            ModelNotFoundError: if there is none.
            ModelFormatError: if it is not of this kind.
        """
        from transformers import AutoModel

        model, tokenizer = load_pretrained(AutoModel, name)
        return cls(
            model,
            tokenizer,
            pooling=pooling,
            batch_size=batch_size,
            max_tokens=max_tokens,
            device=device,
        )

    def encode(self, texts: list[str]) -> Embedding:
        """Return one embedding a text. Shape: ``(len(texts), width)``."""
        embeddings = np.empty((len(texts), self._model.config.hidden_size), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda at: -len(texts[at]))
        for start in range(0, len(texts), self._batch_size):
            chosen = by_length[start : start + self._batch_size]
            embeddings[chosen] = self._pooled([texts[at] for at in chosen])
        return embeddings

    def _pooled(self, texts: list[str]) -> Embedding:
        inputs = self._tokenizer(
            texts, truncation=True, max_length=self._max_tokens, padding=True, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            hidden = self._model(**inputs).last_hidden_state.float()  # (batch, tokens, width)
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        return np.asarray(pooled.cpu().numpy(), dtype=np.float32)
