"""What is trained: a masked LM under the fused head, with the query side and dense head it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from splade_sdk.encoders.head import Activation, Pooling, VocabularyHead
from splade_sdk.encoders.masked_lm import MaskedLM, quiet_transformers
from splade_sdk.encoders.model_side import ModelSide, mean_pooled, plan_batches
from splade_sdk.encoders.saving import save_model
from splade_sdk.encoders.side import Side, TokenSide
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.errors import ConfigError
from splade_sdk.training.fused_head import FusedHead

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["SpladeModel", "TokenBatch"]

# Padded tokens of the texts that go through the transformer together: texts of like length are
# grouped, so that little of it is padding.
_MAX_TOKENS = {"cpu": 2048}
_MAX_TOKENS_ON_ACCELERATOR = 1 << 15


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Tokenised texts.

    Attributes:
        input_ids: Special tokens included, padded with zeros. Shape: ``(batch, longest)``.
        lengths: Real tokens of each text, at least 1. Shape: ``(batch,)``.
    """

    input_ids: Tensor
    lengths: list[int]

    @classmethod
    def from_ids(cls, ids: list[list[int]]) -> TokenBatch:
        """Pad token ids.

        Args:
            ids: Of each text, at least one.
        """
        lengths = [len(text) for text in ids]
        padded = np.zeros((len(ids), max(lengths)), dtype=np.int64)
        for row, text in enumerate(ids):
            padded[row, : len(text)] = text
        return cls(torch.from_numpy(padded), lengths)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.lengths)

    def __getitem__(self, part: slice) -> TokenBatch:
        """Return some of the texts."""
        lengths = self.lengths[part]
        return TokenBatch(self.input_ids[part, : max(lengths)], lengths)

    def to(self, device: torch.device | str) -> TokenBatch:
        """Return the same on another device."""
        return TokenBatch(self.input_ids.to(device, non_blocking=True), self.lengths)


class SpladeModel(nn.Module):
    """A masked language model that gives term weights.

    Args:
        masked_lm: The language model, shared by both sides.
        pooling: Maximum (SPLADE v2) or sum (v1) over the tokens.
        activation: What turns a logit into a weight.
        query_token_weights: Document-only expansion (SPLADE-doc): the query side is the query's own
            tokens with these weights, which are learned; None gives queries the document's model.
            Shape: ``(vocabulary,)``.
        has_dense: Give dense vectors too, from the same pass: the normalised mean of the last
            hidden states.
    """

    def __init__(
        self,
        masked_lm: MaskedLM,
        *,
        pooling: Pooling = "max",
        activation: Activation = "log1p_relu",
        query_token_weights: Tensor | None = None,
        has_dense: bool = False,
    ) -> None:
        super().__init__()
        if has_dense and query_token_weights is not None:
            raise ConfigError(
                "a dense head needs a query side that runs the model: leave out query token weights"
            )
        self.has_dense = has_dense
        self.masked_lm = masked_lm
        self.head = FusedHead(pooling, activation)
        self.query_token_weights = (
            None if query_token_weights is None else nn.Parameter(query_token_weights.clone())
        )

    def forward(
        self, query: TokenBatch | None, document: TokenBatch | None
    ) -> tuple[Tensor | None, ...]:
        """Return the term weights of both sides, None for a side that is not given.

        One call for both, so that wrappers which count calls (DistributedDataParallel) see one.

        Args:
            query: The queries.
            document: The documents.

        Returns:
            Shapes: ``(queries, vocabulary)`` and ``(documents, vocabulary)``; with a dense head
            followed by the dense vectors, ``(queries, width)`` and ``(documents, width)``.
        """
        self.head.forget()
        queries = (None, None) if query is None else self._query_vectors(query)
        documents = (None, None) if document is None else self._document_vectors(document)
        sparse = (queries[0], documents[0])
        return (*sparse, queries[1], documents[1]) if self.has_dense else sparse

    def encode_query(self, batch: TokenBatch) -> Tensor:
        """Return the term weights of queries. Shape: ``(batch, vocabulary)``."""
        self.head.forget()
        return self._query_vectors(batch)[0]

    def encode_document(self, batch: TokenBatch) -> Tensor:
        """Return the term weights of documents. Shape: ``(batch, vocabulary)``."""
        self.head.forget()
        return self._document_vectors(batch)[0]

    def _query_vectors(self, batch: TokenBatch) -> tuple[Tensor, Tensor | None]:
        if self.query_token_weights is None:
            return self._document_vectors(batch)
        real = torch.arange(batch.input_ids.shape[1], device=batch.input_ids.device)
        lengths = torch.tensor(batch.lengths, device=real.device)
        present = torch.zeros(
            (len(batch), self.query_token_weights.shape[0] + 1), device=real.device
        )
        # Padding goes to a column past the vocabulary.
        ids = batch.input_ids.masked_fill(real >= lengths[:, None], present.shape[1] - 1)
        present.scatter_(1, ids, 1.0)
        return present[:, :-1] * self.query_token_weights.relu(), None

    def _document_vectors(self, batch: TokenBatch) -> tuple[Tensor, Tensor | None]:
        weight = self.masked_lm.weight
        max_tokens = _MAX_TOKENS.get(weight.device.type, _MAX_TOKENS_ON_ACCELERATOR)
        plan = plan_batches(batch.lengths, max_tokens=max_tokens)
        tokens: list[Tensor] = []
        dense: list[Tensor] = []
        for rows in plan:
            lengths = [batch.lengths[row] for row in rows]
            ids = batch.input_ids[torch.from_numpy(rows), : lengths[0]]
            real = torch.arange(lengths[0]) < torch.tensor(lengths)[:, None]
            mask = None if bool(real.all()) else real.long().to(ids.device)
            if self.has_dense:
                hidden, states = self.masked_lm.forward_with_states(ids, mask)
                dense.append(mean_pooled(states, lengths))
            else:
                hidden = self.masked_lm(ids, mask)
            tokens.append(hidden[real.to(ids.device)] if mask is not None else hidden.flatten(0, 1))
        order = np.concatenate(plan)
        lengths = [batch.lengths[row] for row in order]
        states = torch.cat(tokens)
        if states.device.type == "cpu":
            states = states.float()  # there the screen, which needs it, saves more than bfloat16
        with torch.autocast(states.device.type, enabled=False):
            pooled = self.head(states, lengths, weight, self.masked_lm.bias)
        back = torch.from_numpy(np.argsort(order)).to(pooled.device)
        return pooled[back], torch.cat(dense)[back] if dense else None

    def save_pretrained(
        self, folder: Path, tokenizer: PreTrainedTokenizerBase, *, max_length: int
    ) -> None:
        """Write a folder that SpladeEncoder and sentence-transformers load.

        Args:
            folder: Made if it does not exist.
            tokenizer: Of the language model.
            max_length: Tokens of a text at most, special tokens included.
        """
        text_tokenizer = TextTokenizer(tokenizer, max_length=max_length)
        head = VocabularyHead(
            self.masked_lm.weight,
            self.masked_lm.bias,
            pooling=self.head.pooling,
            activation=self.head.activation,
            screening=False,
        )
        document = ModelSide(self.masked_lm, head, text_tokenizer, has_dense=self.has_dense)
        query: Side = document
        if self.query_token_weights is not None:
            weights = self.query_token_weights.detach().relu().float().cpu().numpy()
            query = TokenSide(weights, text_tokenizer)
        with quiet_transformers():
            save_model(folder, document, query)
