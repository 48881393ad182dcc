"""From a model's name to the two sides that encode with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from splade_sdk.encoders.bert import Bert, load_bert
from splade_sdk.encoders.checkpoint import (
    LEARNED_WEIGHTS,
    MaskedLMSide,
    StaticSide,
    fetch,
    read_checkpoint,
)
from splade_sdk.encoders.head import Activation, Pooling, VocabularyHead
from splade_sdk.encoders.masked_lm import MaskedLM, load_masked_lm
from splade_sdk.encoders.model_side import ModelSide
from splade_sdk.encoders.side import Side, TokenSide, read_token_weights, token_weights
from splade_sdk.encoders.tokenization import TextTokenizer
from splade_sdk.encoders.torch_threads import in_passing_thread
from splade_sdk.errors import ConfigError, InvalidTypeError, ModelFormatError, UnsafeModelError
from splade_sdk.types.arguments import require_whole

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Loader"]

_TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)


class Loader:
    """Loads models with the caller's settings above those of their folders.

    Arguments are those of SpladeEncoder.

    Attributes:
        device: The device chosen.
    """

    def __init__(
        self,
        *,
        device: str | torch.device,
        dtype: str | torch.dtype,
        max_length: int | None,
        pooling: Pooling | None,
        activation: Activation | None,
        windows: bool,
        window_overlap: int,
        trust_remote_code: bool,
        allow_pickle: bool,
    ) -> None:
        self.device = _pick_device(device)
        self._dtype = _pick_dtype(dtype)
        self._max_length = max_length
        self._pooling = pooling
        self._activation = activation
        self._windows = windows
        self._window_overlap = require_whole(window_overlap, "window_overlap", least=0)
        self._trust_remote_code = trust_remote_code
        self._allow_pickle = allow_pickle

    def fetch(self, model: str | Path, revision: str | None = None) -> Path:
        """Return the folder of a model; see ``checkpoint.fetch``.

        Raises:
            InvalidTypeError: if ``model`` is neither a name nor a path.
        """
        if not isinstance(model, str | Path):
            raise InvalidTypeError(
                f"model is {type(model).__name__}: expected a folder, or a name such as "
                "'naver/splade-v3'"
            )
        return fetch(model, revision=revision, allow_pickle=self._allow_pickle)

    def load(
        self,
        folder: Path,
        *,
        query_model: str | Path | None,
        query_token_weights: Mapping[str, float] | Literal["ones", "learned"] | None,
    ) -> tuple[Path, ModelSide, Side]:
        """Return the folder of the document side's weights, the document side, the query side.

        Args:
            folder: The model.
            query_model: As in SpladeEncoder.
            query_token_weights: As in SpladeEncoder.

        Raises:
            ConfigError: if the two sides do not share a space, or a token weight is wrong.
        """
        checkpoint = read_checkpoint(folder)
        document = self._model_side(checkpoint.document)
        query: Side
        if query_model is not None:
            query = self._model_side(read_checkpoint(self.fetch(query_model)).document)
        elif query_token_weights is not None:
            query = _token_side(query_token_weights, document, checkpoint.document.folder)
        elif isinstance(checkpoint.query, StaticSide):
            query = self._static_side(checkpoint.query, document)
        elif checkpoint.query is checkpoint.document:
            query = document
        else:
            query = self._model_side(checkpoint.query)
        if query.dimensions != document.dimensions:
            raise ConfigError(
                f"the query side has {query.dimensions} dimensions and the document side "
                f"{document.dimensions}: both must share a vocabulary"
            )
        return checkpoint.document.folder, document, query

    def _model_side(self, side: MaskedLMSide) -> ModelSide:
        masked_lm, head = in_passing_thread(lambda: self._weights(side))
        tokenizer = self._tokenizer(side.folder)
        _require_embeddings(side.folder, tokenizer, masked_lm)
        text_tokenizer = TextTokenizer(
            tokenizer,
            max_length=_resolve_max_length(self._max_length, side.max_length, tokenizer, masked_lm),
            windows=self._windows,
            overlap=self._window_overlap if self._windows else 0,
            prompt=side.prompt,
        )
        return ModelSide(
            masked_lm, head, text_tokenizer, folder=side.folder, has_dense=side.has_dense
        )

    def _weights(self, side: MaskedLMSide) -> tuple[Bert | MaskedLM, VocabularyHead]:
        masked_lm: Bert | MaskedLM = load_bert(side.folder, dtype=self._dtype) or load_masked_lm(
            side.folder,
            dtype=self._dtype,
            trust_remote_code=self._trust_remote_code,
            allow_pickle=self._allow_pickle,
        )
        masked_lm.to(self.device).eval()
        head = VocabularyHead(
            masked_lm.weight,
            masked_lm.bias,
            pooling=self._pooling or side.pooling,
            activation=self._activation or side.activation,
        )
        return masked_lm, head

    def _static_side(self, side: StaticSide, document: ModelSide) -> TokenSide:
        tokenizer = self._tokenizer(side.folder)
        weights = read_token_weights(side.weights_file, tokenizer.get_vocab(), document.dimensions)
        max_length = document.text_tokenizer.max_length
        return TokenSide(
            weights, TextTokenizer(tokenizer, max_length=max_length, prompt=side.prompt)
        )

    def _tokenizer(self, folder: Path) -> PreTrainedTokenizerBase:
        from transformers import AutoTokenizer

        # transformers would make one with an empty vocabulary.
        if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
            raise ModelFormatError(
                f"{folder} has no tokenizer: expected one of {', '.join(_TOKENIZER_FILES)}"
            )
        try:
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=self._trust_remote_code
            )
        except Exception as error:
            # tokenizers raises bare exceptions, transformers whatever a damaged file runs into.
            if "trust_remote_code" in str(error):
                raise UnsafeModelError(
                    f"the tokenizer of {folder} needs code of its own to run; pass "
                    "trust_remote_code=True if you trust its source"
                ) from error
            raise ModelFormatError(
                f"the tokenizer of {folder} cannot be loaded: {error}"
            ) from error
        return tokenizer


def _token_side(
    table: Mapping[str, float] | Literal["ones", "learned"], document: ModelSide, folder: Path
) -> TokenSide:
    tokenizer = document.text_tokenizer.tokenizer
    if table == "ones":
        weights = np.ones(document.dimensions, dtype=np.float32)
    elif table == "learned":
        file = folder / LEARNED_WEIGHTS
        if not file.is_file():
            raise ConfigError(
                f"query_token_weights is 'learned', but {folder} has no {LEARNED_WEIGHTS}: pass "
                "'ones' or a table of token -> weight"
            )
        weights = read_token_weights(file, tokenizer.get_vocab(), document.dimensions)
    elif isinstance(table, Mapping):
        weights = token_weights(table, tokenizer.get_vocab(), document.dimensions)
    else:
        raise ConfigError(
            f"query_token_weights is {table!r}: expected 'ones', 'learned' or a table of token "
            "-> weight"
        )
    max_length = document.text_tokenizer.max_length
    return TokenSide(weights, TextTokenizer(tokenizer, max_length=max_length))


def _require_embeddings(
    folder: Path, tokenizer: PreTrainedTokenizerBase, masked_lm: Bert | MaskedLM
) -> None:
    largest, terms = max(tokenizer.get_vocab().values()), masked_lm.weight.shape[0]
    if largest >= terms:
        raise ModelFormatError(
            f"the tokenizer of {folder} gives token ids up to {largest}, but the model has only "
            f"{terms} embeddings: they do not belong together"
        )


def _resolve_max_length(
    asked: int | None,
    of_folder: int | None,
    tokenizer: PreTrainedTokenizerBase,
    masked_lm: Bert | MaskedLM,
) -> int:
    limit = masked_lm.max_positions
    if asked is not None:
        asked = require_whole(
            asked, "max_length", least=1, unset="or None for what the model takes"
        )
        if limit is not None and asked > limit:
            raise ConfigError(f"max_length is {asked}, but the model has {limit} positions")
        return asked
    # A tokenizer without a limit says so with a number around 1e30.
    said = [of_folder, limit, min(int(tokenizer.model_max_length), 1 << 20)]
    return min(length for length in said if length)


def _pick_device(device: str | torch.device) -> torch.device:
    if device != "auto":
        try:
            # Made there, as a device that torch knows by name may still not be present.
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ConfigError(
                f"device is {str(device)!r}, which cannot be used here ({error}): expected 'auto', "
                "'cpu', or one that torch finds, such as 'cuda:0'"
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _pick_dtype(dtype: str | torch.dtype) -> torch.dtype:
    found: object = dtype
    if isinstance(dtype, str):
        found = torch.float32 if dtype == "auto" else getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError(
            f"dtype is {dtype!r}: expected 'auto' or a floating-point type such as 'float16'"
        )
    return found
