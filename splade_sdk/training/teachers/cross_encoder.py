"""A sequence-classification model that reads query and document together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from splade_sdk.errors import ModelFormatError
from splade_sdk.training.teachers.base import ScoreArray
from splade_sdk.training.teachers.loading import load_pretrained

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CrossEncoderTeacher"]


class CrossEncoderTeacher:
    """Scores pairs by a model's logit.

    With one label the score is its logit; with two, ``logit of label 1 - logit of label 0``.

    Args:
        model: A transformers model for sequence classification.
        tokenizer: Its tokenizer.
        batch_size: Pairs scored at once.
        max_tokens: Longer pairs are cut, the longer text of the two first.
        device: Where the model runs.

    Raises:
        ModelFormatError: if the model has more than two labels.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        batch_size: int = 32,
        max_tokens: int = 512,
        device: str = "cpu",
    ) -> None:
        if model.config.num_labels not in (1, 2):
            raise ModelFormatError(
                f"the teacher has {model.config.num_labels} labels: expected 1 (a score) or 2 "
                "(not relevant, relevant)"
            )
        self._model = model.to(device).eval()
        self._tokenizer = tokenizer
        self._batch_size = batch_size
        self._max_tokens = max_tokens
        self._device = device

    @classmethod
    def from_pretrained(
        cls, name: str, *, batch_size: int = 32, max_tokens: int = 512, device: str = "cpu"
    ) -> Self:
        """Load a model by name or folder; only safetensors, no code of its own.

        Raises:
            ModelNotFoundError: if there is none.
            ModelFormatError: if it is not of this kind.
        """
        from transformers import AutoModelForSequenceClassification

        model, tokenizer = load_pretrained(AutoModelForSequenceClassification, name)
        return cls(model, tokenizer, batch_size=batch_size, max_tokens=max_tokens, device=device)

    def score(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> list[ScoreArray]:
        """Return the scores of each query's documents."""
        pairs = [
            (query, text) for query, texts in zip(queries, documents, strict=True) for text in texts
        ]
        scores = np.empty(len(pairs), dtype=np.float32)
        by_length = sorted(range(len(pairs)), key=lambda at: -sum(map(len, pairs[at])))
        for start in range(0, len(pairs), self._batch_size):
            chosen = by_length[start : start + self._batch_size]
            scores[chosen] = self._logits([pairs[at] for at in chosen])
        ends = list(accumulate(map(len, documents)))
        return [scores[end - len(texts) : end] for end, texts in zip(ends, documents, strict=True)]

    def _logits(self, pairs: list[tuple[str, str]]) -> ScoreArray:
        inputs = self._tokenizer(
            [query for query, _ in pairs],
            [text for _, text in pairs],
            truncation="longest_first",
            max_length=self._max_tokens,
            padding=True,
            return_tensors="pt",
        ).to(self._device)
        with torch.inference_mode():
            logits = self._model(**inputs).logits.float()
        score = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
        return np.asarray(score.cpu().numpy(), dtype=np.float32)
