"""The protocols of encoders: what the rest of the package asks of one, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, overload, runtime_checkable

from splade_sdk.config import Fingerprint
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector, TermActivation

__all__ = ["DenseEncoder", "HybridEncoder", "LocatingEncoder", "SparseEncoder"]


@runtime_checkable
class SparseEncoder(Protocol):
    """Turns text into sparse vectors; a string gives one vector, a list gives a batch.

    Where the vectors of documents depend on more than the fingerprint says, such as the length at
    which texts are cut, an encoder tells so in a property ``document_settings: str``: a document
    counts as unchanged only under the same settings. ``query_settings: str`` is the same for
    queries.
    """

    @property
    def fingerprint(self) -> Fingerprint:
        """What identifies the vectors this encoder makes."""

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""

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

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        """Return the terms of a vector with their weights, heaviest first."""


@runtime_checkable
class LocatingEncoder(Protocol):
    """An encoder that can tell which part of a text made a term active."""

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        """Return the terms of a text with the tokens they come from, heaviest first."""


class HybridEncoder(Protocol):
    """A sparse encoder whose model may have a dense head: one pass gives both vectors."""

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None if the model has no dense head."""

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


@runtime_checkable
class DenseEncoder(Protocol):
    """Turns texts into dense vectors, such as a SentenceTransformer does."""

    def encode(self, texts: list[str], /) -> Any:
        """Return an array. Shape: ``(len(texts), dense_dimensions)``."""
