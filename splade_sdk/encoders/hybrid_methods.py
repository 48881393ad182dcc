"""The methods of encoders whose model may have a dense head."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, overload

from splade_sdk.encoders.inputs import require_text, require_texts
from splade_sdk.encoders.methods import Advance, EncodingMethods, SideName, require_limits
from splade_sdk.progress import progress_bar
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector

__all__ = ["HybridEncodingMethods"]


class HybridEncodingMethods(EncodingMethods):
    """Encodes documents and queries, on request by the dense head too, in the same pass."""

    @overload
    def encode_document(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[False] = ...,
    ) -> SparseVector: ...
    @overload
    def encode_document(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[False] = ...,
    ) -> SparseBatch: ...
    @overload
    def encode_document(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[True],
    ) -> HybridVector: ...
    @overload
    def encode_document(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[True],
    ) -> HybridBatch: ...
    def encode_document(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
        dense: bool = False,
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        """Encode documents.

        Args:
            texts: A string gives one vector, a list gives a batch in the same order. A blank text
                gives a vector without terms.
            batch_size: Texts (or windows) in one pass at most; None chooses by tokens.
            show_progress_bar: None shows one on a terminal, for work that takes a while.
            max_active_dims: Terms kept in each vector; None uses the encoder's setting.
            dense: Return the dense vectors too, made in the same pass; needs a model with a dense
                head (``dense_dimensions`` is not None).

        Raises:
            InvalidTypeError: if ``texts`` is not a string or a list of strings.
            InvalidInputError: if a text holds a lone surrogate.
            ConfigError: if ``dense`` is asked of a model without a dense head.
            ModelError: if one text alone does not fit into memory.
        """
        limits = (batch_size, show_progress_bar, max_active_dims)
        if dense:
            return self._encode_hybrid("document", texts, *limits)
        return self._encode("document", texts, *limits)

    encode = encode_document

    @overload
    def encode_query(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[False] = ...,
    ) -> SparseVector: ...
    @overload
    def encode_query(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[False] = ...,
    ) -> SparseBatch: ...
    @overload
    def encode_query(  # type: ignore[overload-overlap]
        self,
        texts: str,
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[True],
    ) -> HybridVector: ...
    @overload
    def encode_query(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = ...,
        show_progress_bar: bool | None = ...,
        max_active_dims: int | None = ...,
        dense: Literal[True],
    ) -> HybridBatch: ...
    def encode_query(
        self,
        texts: str | Sequence[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool | None = None,
        max_active_dims: int | None = None,
        dense: bool = False,
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        """Encode queries; arguments and errors are those of ``encode_document``."""
        limits = (batch_size, show_progress_bar, max_active_dims)
        if dense:
            return self._encode_hybrid("query", texts, *limits)
        return self._encode("query", texts, *limits)

    def _encode_hybrid(
        self,
        side: SideName,
        texts: str | Sequence[str],
        batch_size: int | None,
        show_progress_bar: bool | None,
        max_active_dims: int | None,
    ) -> HybridVector | HybridBatch:
        batch_size, kept = require_limits(batch_size, max_active_dims)
        single = isinstance(texts, str)
        listed = [require_text(texts)] if isinstance(texts, str) else require_texts(texts)
        with progress_bar(
            desc="Encoding",
            unit="text",
            show=False if single else show_progress_bar,
            total=len(listed),
        ) as bar:
            batch = self._encode_both(side, listed, batch_size, kept, bar.update)
        return HybridVector(batch.sparse[0], batch.dense[0]) if single else batch

    @abstractmethod
    def _encode_both(
        self,
        side: SideName,
        texts: list[str],
        batch_size: int | None,
        max_active_dims: int | None,
        advance: Advance,
    ) -> HybridBatch:
        """Return the vectors of the texts, in their order, of both kinds.

        Raises:
            ConfigError: if the model has no dense head.
        """
