"""The methods by which encoders are called: what is checked and returned the same in all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, overload

import numpy as np

from splade_sdk.encoders.inputs import require_terms, require_text, require_texts, require_vector
from splade_sdk.progress import progress_bar
from splade_sdk.types import SparseBatch, SparseVector
from splade_sdk.types.arguments import require_whole

__all__ = ["Advance", "EncodingMethods", "SideName", "heaviest", "require_limits"]

SideName: TypeAlias = Literal["document", "query"]

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of texts that are done."""


class EncodingMethods(ABC):
    """Encodes documents and queries; an encoder says how a list of texts becomes a batch."""

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
            texts: A string gives one vector, a list gives a batch in the same order. A text
                without words gives a vector without terms.
            batch_size: Texts encoded (or sent) at a time at most; None for a good number.
            show_progress_bar: None shows one on a terminal, for work that takes a while.
            max_active_dims: Terms kept in each vector, the heaviest first; None keeps all.

        Raises:
            InvalidTypeError: if ``texts`` is not a string or a list of strings.
            InvalidInputError: if a text holds a lone surrogate.
            ConfigError: if a number is out of range.
        """
        return self._encode("document", texts, batch_size, show_progress_bar, max_active_dims)

    encode = encode_document

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
        return self._encode("query", texts, batch_size, show_progress_bar, max_active_dims)

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        """Return the terms of a vector with their weights, heaviest first, ties by term id.

        Args:
            vector: Of this encoder's space.
            top_k: Terms wanted at most; None for all.

        Raises:
            InvalidTypeError: if ``vector`` is no SparseVector, such as a batch of several.
            InvalidVectorError: if the vector is of another space.
            ConfigError: if ``top_k`` is below 1.
        """
        terms, weights = heaviest(vector, self.dimensions, top_k)
        return list(zip(self._named(terms), weights, strict=True))

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Size of the sparse space."""

    def _encode(
        self,
        side: SideName,
        texts: str | Sequence[str],
        batch_size: int | None,
        show_progress_bar: bool | None,
        max_active_dims: int | None,
    ) -> SparseVector | SparseBatch:
        batch_size, kept = require_limits(batch_size, max_active_dims)
        if isinstance(texts, str):
            return self._encode_list(side, [require_text(texts)], batch_size, kept, _ignore)[0]
        listed = require_texts(texts)
        with progress_bar(
            desc="Encoding", unit="text", show=show_progress_bar, total=len(listed)
        ) as bar:
            return self._encode_list(side, listed, batch_size, kept, bar.update)

    @abstractmethod
    def _encode_list(
        self,
        side: SideName,
        texts: list[str],
        batch_size: int | None,
        max_active_dims: int | None,
        advance: Advance,
    ) -> SparseBatch:
        """Return the vectors of the texts, in their order."""

    @abstractmethod
    def _named(self, terms: list[int]) -> list[str]:
        """Return what to call the terms."""


def require_limits(
    batch_size: int | None, max_active_dims: int | None
) -> tuple[int | None, int | None]:
    """Return what ``encode_document`` was given, both as numbers of Python.

    Raises:
        InvalidTypeError: if one is no whole number.
        ConfigError: if one is too small.
    """
    if batch_size is not None:
        batch_size = require_whole(batch_size, "batch_size", least=1, unset="or None")
    if max_active_dims is not None:
        max_active_dims = require_terms(max_active_dims, "max_active_dims")
    return batch_size, max_active_dims


def heaviest(
    vector: SparseVector, dimensions: int, top_k: int | None
) -> tuple[list[int], list[float]]:
    """Return the terms of a vector and their weights, heaviest first, ties by term id.

    Args:
        vector: What the caller gave.
        dimensions: Of the encoder's space.
        top_k: Terms wanted at most; None for all.

    Raises:
        InvalidTypeError: if ``vector`` is no SparseVector, such as a batch of several.
        InvalidVectorError: if the vector is of another space.
        ConfigError: if ``top_k`` is below 1.
    """
    vector = require_vector(vector, dimensions)
    if top_k is not None:
        top_k = require_whole(top_k, "top_k", least=1, unset="or None for all")
    order = np.lexsort((vector.indices, -vector.values))[:top_k]
    return vector.indices[order].tolist(), vector.values[order].tolist()


def _ignore(done: int) -> None:
    """Advance nothing: one text has no bar."""
