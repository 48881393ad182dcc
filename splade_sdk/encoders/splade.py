"""SpladeEncoder: SPLADE in process, on torch and transformers."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch
from tqdm.auto import tqdm

from splade_sdk.config import Fingerprint
from splade_sdk.encoders.head import Activation, Pooling
from splade_sdk.encoders.inputs import require_text, require_texts
from splade_sdk.encoders.loading import Loader
from splade_sdk.encoders.saving import save_model
from splade_sdk.encoders.side import Side
from splade_sdk.errors import ConfigError, InvalidVectorError, TruncationWarning
from splade_sdk.models.default import default_model_path
from splade_sdk.types import SparseBatch, SparseVector, SparsityStats

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

__all__ = ["SpladeEncoder"]

# Texts sorted by length and held in memory at a time.
_BLOCK = 1024


class SpladeEncoder:
    """Encodes text into sparse vectors over a masked language model's vocabulary.

    Loads a SPLADE checkpoint, any other masked LM, or a sentence-transformers ``SparseEncoder``
    folder with its pooling, activation, prompts and query side. What an argument leaves as None
    is what the model's folder says.

    Args:
        model: Folder, or name on the Hugging Face hub. None: the default model, from disk.
        device: ``auto`` (CUDA, then Apple's MPS, then CPU) or a torch device.
        dtype: ``auto`` (float32) or a floating-point type of torch.
        max_length: Tokens of a text at most, special tokens included.
        pooling: ``max`` (SPLADE v2, arXiv 2109.10086) or ``sum`` (v1, arXiv 2107.05720).
        activation: ``log1p_relu``, or ``log1p_log1p_relu`` (arXiv 2504.14839).
        max_active_dims: Terms kept in a document's vector, the heaviest first.
        query_max_active_dims: The same for queries.
        query_model: Another masked LM for the query side.
        query_token_weights: Document-only expansion (SPLADE-doc): the query side is the query's
            own tokens, each with weight 1 (``"ones"``) or a weight from a table of token ->
            weight; no model runs.
        long_documents: ``truncate`` cuts at ``max_length`` and warns once; ``windows`` encodes
            overlapping windows and keeps each term's largest weight.
        window_overlap: Tokens that a window shares with the one before.
        revision: Branch, tag or commit on the hub.
        trust_remote_code: Run code that comes with the model.
        allow_pickle: Accept weights in pickled files, which can run code when loaded.

    Raises:
        ModelNotFoundError: if there is no such model.
        ModelFormatError: if it has no masked-LM head, or makes no SPLADE vectors.
        UnsafeModelError: if it needs what is not allowed.
        ConfigError: if an argument is out of range.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        max_length: int | None = None,
        pooling: Pooling | None = None,
        activation: Activation | None = None,
        max_active_dims: int | None = None,
        query_max_active_dims: int | None = None,
        query_model: str | Path | None = None,
        query_token_weights: Mapping[str, float] | Literal["ones"] | None = None,
        long_documents: Literal["truncate", "windows"] = "truncate",
        window_overlap: int = 32,
        revision: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        if query_model is not None and query_token_weights is not None:
            raise ConfigError("query_model and query_token_weights exclude each other: pass one")
        if long_documents not in ("truncate", "windows"):
            raise ConfigError(
                f"long_documents is {long_documents!r}: expected 'truncate' or 'windows'"
            )
        if pooling not in (None, "max", "sum"):
            raise ConfigError(f"pooling is {pooling!r}: expected 'max' or 'sum'")
        if activation not in (None, "log1p_relu", "log1p_log1p_relu"):
            raise ConfigError(
                f"activation is {activation!r}: expected 'log1p_relu' or 'log1p_log1p_relu'"
            )
        for name, kept in (
            ("max_active_dims", max_active_dims),
            ("query_max_active_dims", query_max_active_dims),
        ):
            if kept is not None and kept < 1:
                raise ConfigError(f"{name} is {kept}: expected at least 1, or None for all terms")
        self.model_name = str(model) if model is not None else "default"
        self.max_active_dims = max_active_dims
        self.long_documents = long_documents
        self._long_documents = (long_documents, window_overlap)
        self.query_max_active_dims = query_max_active_dims
        self._truncation_told = False
        loader = Loader(
            device=device,
            dtype=dtype,
            max_length=max_length,
            pooling=pooling,
            activation=activation,
            windows=long_documents == "windows",
            window_overlap=window_overlap,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        self.device = loader.device
        folder = default_model_path() if model is None else loader.fetch(model, revision)
        self._folder, self._document, self._query = loader.load(
            folder, query_model=query_model, query_token_weights=query_token_weights
        )

    @property
    def dimensions(self) -> int:
        """Size of the sparse space: the model's vocabulary."""
        return self._document.dimensions

    @property
    def max_length(self) -> int:
        """Tokens of a text at most, special tokens included."""
        return self._document.text_tokenizer.max_length

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The document side's transformers tokenizer."""
        return self._document.text_tokenizer.tokenizer

    @property
    def document_settings(self) -> str:
        """What the vectors of documents depend on beside the fingerprint."""
        return f"{self.max_length} {self.max_active_dims} {self._long_documents}"

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What identifies the document vectors: weights, pooling and vocabulary."""
        weights = hashlib.sha256()
        for path in sorted(self._folder.glob("*.safetensors")) or sorted(
            self._folder.glob("*.bin")
        ):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    weights.update(block)
        vocabulary = sorted(self.tokenizer.get_vocab().items(), key=lambda item: item[1])
        tokens = "\n".join(token for token, _ in vocabulary)
        return Fingerprint(
            kind="splade",
            model=self.model_name,
            revision=weights.hexdigest(),
            pooling=self._document.head.pooling,
            activation=self._document.head.activation,
            vocabulary_sha256=hashlib.sha256(tokens.encode()).hexdigest(),
            dimensions=self.dimensions,
        )

    @overload
    def encode(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseVector: ...
    @overload
    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseBatch: ...
    def encode(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
    ) -> SparseVector | SparseBatch:
        """Encode documents; the same as ``encode_document``."""
        return self._encode(
            self._document,
            texts,
            batch_size,
            show_progress_bar,
            self.max_active_dims if max_active_dims is None else max_active_dims,
        )

    @overload
    def encode_document(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseVector: ...
    @overload
    def encode_document(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseBatch: ...
    def encode_document(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
    ) -> SparseVector | SparseBatch:
        """Encode documents.

        Args:
            texts: A string gives one vector, a list gives a batch in the same order. A blank text
                gives a vector without terms.
            batch_size: Texts (or windows) in one pass at most; None chooses by tokens.
            show_progress_bar: None shows one on a terminal, for work that takes a while.
            max_active_dims: Terms kept in each vector; None uses the encoder's setting.

        Raises:
            InvalidTypeError: if ``texts`` is not a string or a list of strings.
            InvalidInputError: if a text holds a lone surrogate.
            ModelError: if one text alone does not fit into memory.
        """
        return self._encode(
            self._document,
            texts,
            batch_size,
            show_progress_bar,
            self.max_active_dims if max_active_dims is None else max_active_dims,
        )

    @overload
    def encode_query(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseVector: ...
    @overload
    def encode_query(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
    ) -> SparseBatch: ...
    def encode_query(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
    ) -> SparseVector | SparseBatch:
        """Encode queries; arguments and errors are those of ``encode_document``."""
        return self._encode(
            self._query,
            texts,
            batch_size,
            show_progress_bar,
            self.query_max_active_dims if max_active_dims is None else max_active_dims,
        )

    def encode_iter(
        self,
        texts: Iterable[str],
        *,
        batch_size: int | None = None,
        max_active_dims: int | None = None,
    ) -> Iterator[SparseVector]:
        """Encode a stream of documents, in order, holding a bounded number of texts.

        Args:
            texts: Any iterable of strings, however long.
            batch_size: As in ``encode_document``.
            max_active_dims: As in ``encode_document``.

        Yields:
            One vector a text.

        Raises:
            InvalidTypeError: if ``texts`` yields other than strings.
        """
        if isinstance(texts, str | bytes):
            require_texts(texts)
        stream = iter(texts)
        while block := list(islice(stream, _BLOCK)):
            yield from self.encode_document(
                block,
                batch_size=batch_size,
                show_progress_bar=False,
                max_active_dims=max_active_dims,
            )

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        """Return the terms of a vector with their weights, heaviest first, ties by term id.

        Args:
            vector: Of this encoder's space.
            top_k: Terms wanted at most; None for all.

        Raises:
            InvalidVectorError: if the vector is of another space.
        """
        if vector.dimensions != self.dimensions:
            raise InvalidVectorError(
                f"vector has {vector.dimensions} dimensions, this encoder {self.dimensions}: "
                "decode with the encoder that made it"
            )
        order = np.lexsort((vector.indices, -vector.values))[:top_k]
        tokens = self.tokenizer.convert_ids_to_tokens(vector.indices[order].tolist())
        return list(zip(tokens, vector.values[order].tolist(), strict=True))

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, without special tokens."""
        tokens: list[str] = self.tokenizer.tokenize(require_text(text))
        return tokens

    def literal_terms(self, text: str) -> set[int]:
        """Return the ids of the terms that occur in a text; all others are expansion."""
        return set(self._document.text_tokenizer.ids([require_text(text)])[0])

    def similarity(
        self, queries: SparseVector | SparseBatch, documents: SparseVector | SparseBatch
    ) -> NDArray[np.float64]:
        """Return all inner products. Shape: ``(queries, documents)``.

        Args:
            queries: From ``encode_query``.
            documents: From ``encode_document``.

        Raises:
            InvalidVectorError: if the spaces differ.
        """
        return _as_batch(queries).dot(_as_batch(documents))

    def sparsity(self, vectors: SparseVector | SparseBatch) -> SparsityStats:
        """Count active terms, as ``vectors.stats()`` does."""
        return _as_batch(vectors).stats()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that this class and sentence-transformers' ``SparseEncoder`` both load.

        Args:
            folder: Made if it does not exist.
        """
        save_model(Path(folder), self._document, self._query)

    def __repr__(self) -> str:
        return (
            f"SpladeEncoder({self.model_name!r}, dimensions={self.dimensions}, "
            f"pooling={self._document.head.pooling!r}, max_length={self.max_length}, "
            f"device={str(self.device)!r})"
        )

    def _encode(
        self,
        side: Side,
        texts: str | Sequence[str],
        batch_size: int | None,
        show_progress_bar: bool | None,
        max_active_dims: int | None,
    ) -> SparseVector | SparseBatch:
        if isinstance(texts, str):
            return self._encode_list(side, [require_text(texts)], batch_size, max_active_dims)[0]
        listed = require_texts(texts)
        # disable=None: only on a terminal; delay: only for work that takes a while.
        hidden = None if show_progress_bar is None else not show_progress_bar
        delay = 2.0 if show_progress_bar is None else 0.0
        with tqdm(
            total=len(listed), desc="Encoding", unit="text", disable=hidden, delay=delay
        ) as bar:
            return self._encode_list(side, listed, batch_size, max_active_dims, bar.update)

    def _encode_list(
        self,
        side: Side,
        texts: list[str],
        batch_size: int | None,
        max_active_dims: int | None,
        advance: Callable[[int], object] = lambda _: None,
    ) -> SparseBatch:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}: expected at least 1, or None")
        if max_active_dims is not None and max_active_dims < 1:
            raise ConfigError(
                f"max_active_dims is {max_active_dims}: expected at least 1, or None for all terms"
            )
        blocks = []
        truncated = 0
        for start in range(0, len(texts), _BLOCK):
            block, longer = side.encode(
                texts[start : start + _BLOCK], batch_size=batch_size, advance=advance
            )
            truncated += longer
            blocks.append(block if max_active_dims is None else block.prune(max_active_dims))
        if truncated and not self._truncation_told:
            self._truncation_told = True
            warnings.warn(
                f"{truncated} of {len(texts)} texts are longer than "
                f"{side.text_tokenizer.max_length} tokens and were cut there; "
                "long_documents='windows' encodes them whole (told once)",
                TruncationWarning,
                stacklevel=4,
            )
        return SparseBatch.concat(blocks) if blocks else SparseBatch.empty(self.dimensions)


def _as_batch(vectors: SparseVector | SparseBatch) -> SparseBatch:
    return vectors if isinstance(vectors, SparseBatch) else SparseBatch.from_vectors([vectors])
