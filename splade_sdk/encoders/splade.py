"""SpladeEncoder: SPLADE in process, on torch and transformers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from splade_sdk.caller import stacklevel
from splade_sdk.config import Fingerprint
from splade_sdk.encoders.activations import activations
from splade_sdk.encoders.base import (
    BaseEncoder,
    EncodeKeywords,
    EncodeOptions,
    SideName,
    require_batch,
    require_terms,
)
from splade_sdk.encoders.head import Activation, Pooling
from splade_sdk.encoders.identity import splade_fingerprint
from splade_sdk.encoders.loading import Loader
from splade_sdk.encoders.saving import save_model
from splade_sdk.errors import ConfigError, TruncationWarning
from splade_sdk.keywords import shows
from splade_sdk.models.default import default_model_path
from splade_sdk.types import (
    HybridBatch,
    SparseBatch,
    SparseVector,
    SparsityStats,
    TermActivation,
)
from splade_sdk.types.arguments import require_text, require_texts
from splade_sdk.types.arrays import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase
    from typing_extensions import Unpack

__all__ = ["SpladeEncoder"]

# Texts sorted by length and held in memory at a time.
_BLOCK = 1024
_WINDOW_OVERLAP = 32


class SpladeEncoder(BaseEncoder):
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
            own tokens, each with weight 1 (``"ones"``), a weight that was learned and lies in the
            model's folder (``"learned"``), or one from a table of token -> weight; no model runs.
        long_documents: ``truncate`` cuts at ``max_length`` and warns once; ``windows`` encodes
            overlapping windows and keeps each term's largest weight.
        window_overlap: Tokens that a window shares with the one before; None for 32.
        idf: Ask the engine to multiply query weights by the inverse document frequency in its
            collection, as it does for BM25. What was learned elsewhere then bends to the collection
            at hand; ``similarity`` does not know it, and ``save_pretrained`` does not keep it.
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
        query_token_weights: Mapping[str, float] | Literal["ones", "learned"] | None = None,
        long_documents: Literal["truncate", "windows"] = "truncate",
        window_overlap: int | None = None,
        idf: bool = False,
        revision: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        self._reconstruct = partial(type(self), **given)
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
        if max_active_dims is not None:
            max_active_dims = require_terms(max_active_dims, "max_active_dims")
        if query_max_active_dims is not None:
            query_max_active_dims = require_terms(query_max_active_dims, "query_max_active_dims")
        if window_overlap is not None and long_documents != "windows":
            raise ConfigError(
                f"window_overlap is {window_overlap}, but long documents are cut: pass "
                "long_documents='windows' too, or leave window_overlap out"
            )
        overlap = _WINDOW_OVERLAP if window_overlap is None else window_overlap
        self.model_name = str(model) if model is not None else "default"
        self.max_active_dims = max_active_dims
        self.long_documents = long_documents
        self._long_documents = (long_documents, overlap)
        self.query_max_active_dims = query_max_active_dims
        self._idf = idf
        self._truncation_warned = False
        loader = Loader(
            device=device,
            dtype=dtype,
            max_length=max_length,
            pooling=pooling,
            activation=activation,
            windows=long_documents == "windows",
            window_overlap=overlap,
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
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None if the model has no dense head on both sides."""
        of_document, of_query = self._document.dense_dimensions, self._query.dense_dimensions
        return of_document if of_document == of_query else None

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

    @property
    def query_settings(self) -> str:
        """What the vectors of queries depend on beside the fingerprint."""
        return f"{self._query.text_tokenizer.max_length} {self.query_max_active_dims}"

    @property
    def fingerprint(self) -> Fingerprint:
        """What identifies the vectors: weights, pooling, vocabulary, prompts and query side."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return splade_fingerprint(
            self.model_name, self._folder, self._document, self._query, idf=self._idf
        )

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        """Return the sparse vectors of texts; see ``SparseEncoder``."""
        return self._encode_blocks(texts, side, options, dense=False)[0]

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        """Return the sparse and the dense vectors of texts, from one pass.

        Raises:
            ConfigError: if the model has no dense head on this side.
        """
        return HybridBatch(*self._encode_blocks(texts, side, options, dense=True))

    @shows(EncodeOptions, EncodeKeywords, exclude=("show_progress_bar",))
    def encode_iter(
        self, texts: Iterable[str], **options: Unpack[EncodeKeywords]
    ) -> Iterator[SparseVector]:
        """Encode a stream of documents, in order, holding a bounded number of texts.

        Args:
            texts: Any iterable of strings, however long.
            **options: ``batch_size`` and ``max_active_dims``, as in ``encode_document``.

        Yields:
            One vector a text.

        Raises:
            InvalidTypeError: if ``texts`` yields other than strings.
        """
        if isinstance(texts, str | bytes):
            require_texts(texts)
        given = EncodeOptions(**options)
        stream = iter(texts)
        while block := list(islice(stream, _BLOCK)):
            yield from self.encode_texts(require_texts(block), side="document", options=given)

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, without special tokens."""
        tokens: list[str] = self.tokenizer.tokenize(require_text(text))
        return tokens

    def literal_terms(self, text: str) -> set[int]:
        """Return the ids of the terms that occur in a text; all others are expansion."""
        return set(self._document.text_tokenizer.ids([require_text(text)])[0])

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        """Return the terms of a text with the tokens they come from, heaviest first.

        Args:
            text: Any text; a blank one has no terms.
            query: Encode it as a query instead of as a document.

        Raises:
            InvalidTypeError: if ``text`` is not a string.
            InvalidInputError: if it holds a lone surrogate.
        """
        if query:
            return activations(self._query, require_text(text), self.query_max_active_dims)
        return activations(self._document, require_text(text), self.max_active_dims)

    def similarity(
        self, queries: SparseVector | SparseBatch, documents: SparseVector | SparseBatch
    ) -> NDArray[np.float64]:
        """Return all inner products. Shape: ``(queries, documents)``.

        Args:
            queries: From ``encode_query``.
            documents: From ``encode_document``.

        Raises:
            InvalidTypeError: if one is neither a vector nor a batch.
            InvalidVectorError: if the spaces differ.
        """
        return require_batch(queries, "queries").dot(require_batch(documents, "documents"))

    def sparsity(self, vectors: SparseVector | SparseBatch) -> SparsityStats:
        """Count active terms, as ``vectors.stats()`` does."""
        return require_batch(vectors, "vectors").stats()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that this class and sentence-transformers' ``SparseEncoder`` both load.

        Args:
            folder: Made if it does not exist.

        Raises:
            ConfigError: if ``folder`` is a file, or holds a model whose files would stay.
        """
        save_model(Path(folder), self._document, self._query)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by how it was made: the model is loaded again, from where it was loaded."""
        kept = ("max_active_dims", "query_max_active_dims")
        return self._reconstruct, (), {name: getattr(self, name) for name in kept}

    def __repr__(self) -> str:
        return (
            f"SpladeEncoder({self.model_name!r}, dimensions={self.dimensions}, "
            f"pooling={self._document.head.pooling!r}, max_length={self.max_length}, "
            f"device={str(self.device)!r})"
        )

    def term_names(self, terms: list[int]) -> list[str]:
        """Return the token of each term id."""
        return list(self.tokenizer.convert_ids_to_tokens(terms))

    def _encode_blocks(
        self, texts: list[str], name: SideName, options: EncodeOptions, *, dense: bool
    ) -> tuple[SparseBatch, FloatArray]:
        """Return sparse and dense vectors, made of a bounded number of texts at a time."""
        side = self._query if name == "query" else self._document
        kept = self.query_max_active_dims if name == "query" else self.max_active_dims
        kept = kept if options.max_active_dims is None else options.max_active_dims
        if dense and side.dense_dimensions is None:
            raise ConfigError(
                f"{self.model_name!r} has no dense head on this side: leave dense out, or use a "
                "model that was trained with one"
            )
        sparse: list[SparseBatch] = []
        rows = [np.empty((0, side.dense_dimensions or 0), np.float32)]
        cut = 0
        for start in range(0, max(1, len(texts)), _BLOCK):
            block = side.encode(
                texts[start : start + _BLOCK],
                batch_size=options.batch_size,
                advance=options.advance,
                dense=dense,
            )
            cut += block.cut
            sparse.append(block.vectors if kept is None else block.vectors.prune(kept))
            if block.dense is not None:
                rows.append(block.dense)
        if cut and not self._truncation_warned:
            self._truncation_warned = True
            warnings.warn(
                f"{cut} of {len(texts)} texts are longer than "
                f"{side.text_tokenizer.max_length} tokens and were cut there (warned once); "
                "long_documents='windows' encodes them whole",
                TruncationWarning,
                stacklevel=stacklevel(),
            )
        return SparseBatch.concat(sparse), np.concatenate(rows)
