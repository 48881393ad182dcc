"""What an encoder is: the protocol to implement, and the methods that all of ours share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
    runtime_checkable,
)

import numpy as np

from splade_sdk.config import Fingerprint
from splade_sdk.errors import ConfigError, InvalidTypeError, InvalidVectorError
from splade_sdk.keywords import shows
from splade_sdk.progress import progress_bar
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector, TermActivation
from splade_sdk.types.arguments import require_text, require_texts, require_whole

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "BaseEncoder",
    "DenseEncoder",
    "EncodeKeywords",
    "EncodeOptions",
    "HybridEncoder",
    "LocatingEncoder",
    "SideName",
    "SparseEncoder",
    "decode",
    "encode_with_bar",
    "heaviest",
    "require_batch",
    "require_encoder",
    "require_terms",
]

SideName: TypeAlias = Literal["document", "query"]

_Batch = TypeVar("_Batch", bound=SparseBatch | HybridBatch)


def _no_bar(done: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How texts are encoded in one call.

    Attributes:
        batch_size: Texts encoded (or sent) at a time at most; None lets the encoder choose.
        show_progress_bar: None shows one on a terminal, for work that takes a while.
        max_active_dims: Terms kept in each vector, the heaviest first; None for the encoder's
            setting, or all.
        advance: Called by the encoder with the number of texts done since the last call.

    Raises:
        InvalidTypeError: if a number is not a whole number.
        ConfigError: if it is below 1.
    """

    batch_size: int | None = None
    show_progress_bar: bool | None = None
    max_active_dims: int | None = None
    advance: Callable[[int], object] = field(default=_no_bar, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            batch_size = require_whole(self.batch_size, "batch_size", least=1, unset="or None")
            object.__setattr__(self, "batch_size", batch_size)
        if self.max_active_dims is not None:
            kept = require_terms(self.max_active_dims, "max_active_dims")
            object.__setattr__(self, "max_active_dims", kept)


class EncodeKeywords(TypedDict, total=False):
    """The fields of ``EncodeOptions`` that callers of ``encode_document`` give by name."""

    batch_size: int | None
    show_progress_bar: bool | None
    max_active_dims: int | None


@runtime_checkable
class SparseEncoder(Protocol):
    """Turns texts into sparse vectors. ``BaseEncoder`` adds the methods that users call.

    An encoder may have more, which is read where it is there:

    - ``document_settings: str`` and ``query_settings: str``: what the vectors of documents and
      queries depend on beside the fingerprint, such as the length at which texts are cut. A stored
      document counts as unchanged only under the same settings.
    - ``decode(vector, top_k)``: the names of terms; without it they are shown as ``#id``.
    - ``activations(text, query=...)``: see ``LocatingEncoder``.
    - ``dense_dimensions`` and ``encode_hybrid``: see ``HybridEncoder``.
    """

    @property
    def fingerprint(self) -> Fingerprint:
        """What identifies the vectors of this encoder, and the size of their space."""
        ...

    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        """Return the vectors of texts.

        Args:
            texts: Any number of strings, all valid Unicode; blank ones get a row without terms.
            side: Whether the texts are documents or queries.
            options: How to encode them; an encoder draws no progress bar, but may call
                ``options.advance``.

        Returns:
            A row for each text, in order.
        """
        ...


@runtime_checkable
class LocatingEncoder(Protocol):
    """An encoder that knows which part of a text made a term active."""

    def activations(self, text: str, *, query: bool = False) -> list[TermActivation]:
        """Return the terms of a text with the tokens they come from, heaviest first."""
        ...


class HybridEncoder(Protocol):
    """A sparse encoder whose model may have a dense head: one pass gives both vectors."""

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None if the model has no dense head."""
        ...

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        """Return both vectors of each text; see ``SparseEncoder.encode_texts``."""
        ...


@runtime_checkable
class DenseEncoder(Protocol):
    """Turns texts into dense vectors, such as a SentenceTransformer does."""

    def encode(self, texts: list[str], /) -> Any:
        """Return an array. Shape: ``(len(texts), dense_dimensions)``."""
        ...


class BaseEncoder(ABC):
    """The methods of an encoder; a subclass has ``fingerprint`` and ``encode_texts``.

    Where its model has a dense head, it also has ``dense_dimensions`` and ``encode_hybrid``.
    """

    @property
    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """What identifies the vectors of this encoder."""

    @property
    def dimensions(self) -> int:
        """Size of the sparse space."""
        return self.fingerprint.dimensions

    @property
    def dense_dimensions(self) -> int | None:
        """Size of the dense vectors; None without a dense head."""
        return None

    @abstractmethod
    def encode_texts(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> SparseBatch:
        """Return the vectors of texts; see ``SparseEncoder``."""

    def encode_hybrid(
        self, texts: list[str], *, side: SideName, options: EncodeOptions
    ) -> HybridBatch:
        """Return both vectors of each text, from one pass; see ``HybridEncoder``.

        Raises:
            ConfigError: if there is no dense head.
        """
        del texts, side, options
        raise ConfigError(
            f"{self!r} has no dense head: leave dense out, or use a model that was trained with one"
        )

    # A string is also a sequence of strings, so mypy sees overlapping overloads.
    @overload
    def encode_document(  # type: ignore[overload-overlap]
        self, texts: str, *, dense: Literal[False] = ..., **options: Unpack[EncodeKeywords]
    ) -> SparseVector: ...
    @overload
    def encode_document(
        self,
        texts: Sequence[str],
        *,
        dense: Literal[False] = ...,
        **options: Unpack[EncodeKeywords],
    ) -> SparseBatch: ...
    @overload
    def encode_document(  # type: ignore[overload-overlap]
        self, texts: str, *, dense: Literal[True], **options: Unpack[EncodeKeywords]
    ) -> HybridVector: ...
    @overload
    def encode_document(
        self, texts: Sequence[str], *, dense: Literal[True], **options: Unpack[EncodeKeywords]
    ) -> HybridBatch: ...
    @shows(EncodeOptions, EncodeKeywords)
    def encode_document(
        self, texts: str | Sequence[str], *, dense: bool = False, **options: Unpack[EncodeKeywords]
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        """Encode documents.

        Args:
            texts: A string gives one vector, a list gives a batch in the same order. A text
                without words gives a vector without terms.
            dense: Return the dense vectors too, made in the same pass; needs a model with a dense
                head (``dense_dimensions`` is not None).
            **options: ``batch_size``, texts encoded (or sent) at a time at most, None lets the
                encoder choose; ``show_progress_bar``, None shows one on a terminal, for work that
                takes a while; ``max_active_dims``, terms kept in each vector, the heaviest first,
                None for the encoder's setting, or all.

        Raises:
            InvalidTypeError: if ``texts`` is not a string or a list of strings.
            InvalidInputError: if a text holds a lone surrogate.
            ConfigError: if a number is out of range, or there is no dense head.
            ModelError: if one text alone does not fit into memory.
        """
        return self._encode_checked(texts, "document", EncodeOptions(**options), dense=dense)

    encode = encode_document

    @overload
    def encode_query(  # type: ignore[overload-overlap]
        self, texts: str, *, dense: Literal[False] = ..., **options: Unpack[EncodeKeywords]
    ) -> SparseVector: ...
    @overload
    def encode_query(
        self,
        texts: Sequence[str],
        *,
        dense: Literal[False] = ...,
        **options: Unpack[EncodeKeywords],
    ) -> SparseBatch: ...
    @overload
    def encode_query(  # type: ignore[overload-overlap]
        self, texts: str, *, dense: Literal[True], **options: Unpack[EncodeKeywords]
    ) -> HybridVector: ...
    @overload
    def encode_query(
        self, texts: Sequence[str], *, dense: Literal[True], **options: Unpack[EncodeKeywords]
    ) -> HybridBatch: ...
    @shows(EncodeOptions, EncodeKeywords)
    def encode_query(
        self, texts: str | Sequence[str], *, dense: bool = False, **options: Unpack[EncodeKeywords]
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        """Encode queries; arguments and errors are those of ``encode_document``."""
        return self._encode_checked(texts, "query", EncodeOptions(**options), dense=dense)

    def decode(self, vector: SparseVector, top_k: int | None = None) -> list[tuple[str, float]]:
        """Return the terms of a vector with their weights, heaviest first, ties by term id.

        Args:
            vector: Of this encoder's space.
            top_k: Number of terms to return at most; None for all.

        Raises:
            InvalidTypeError: if ``vector`` is not a SparseVector, such as a batch of several.
            InvalidVectorError: if the vector is of another space.
            ConfigError: if ``top_k`` is below 1.
        """
        terms, weights = heaviest(vector, self.dimensions, top_k)
        return list(zip(self.term_names(terms), weights, strict=True))

    def term_names(self, terms: list[int]) -> list[str]:
        """Return the name of each term id; ``#id`` where an encoder has no names."""
        return [f"#{term}" for term in terms]

    def _encode_checked(
        self, texts: str | Sequence[str], side: SideName, options: EncodeOptions, *, dense: bool
    ) -> SparseVector | SparseBatch | HybridVector | HybridBatch:
        encode: Callable[..., SparseBatch | HybridBatch]
        encode = self.encode_hybrid if dense else self.encode_texts
        if not isinstance(texts, str):
            return encode_with_bar(encode, require_texts(texts), side=side, options=options)
        batch = encode([require_text(texts)], side=side, options=options)
        if isinstance(batch, HybridBatch):
            return HybridVector(batch.sparse[0], batch.dense[0])
        return batch[0]


def encode_with_bar(
    encode: Callable[..., _Batch], texts: list[str], *, side: SideName, options: EncodeOptions
) -> _Batch:
    """Return what an encoder makes of texts, under a progress bar.

    Args:
        encode: ``encode_texts`` or ``encode_hybrid`` of an encoder.
        texts: Any number of texts.
        side: Whether the texts are documents or queries.
        options: How to encode them, and whether to show the bar.
    """
    with progress_bar(
        desc="Encoding", unit="text", show=options.show_progress_bar, total=len(texts)
    ) as bar:
        return encode(texts, side=side, options=replace(options, advance=bar.update))


def decode(
    encoder: SparseEncoder, vector: SparseVector, top_k: int | None = None
) -> list[tuple[str, float]]:
    """Return the terms of a vector with their weights, heaviest first, ties by term id.

    Args:
        encoder: Made the vector; terms are named by its ``decode``, or ``#id`` if it has none.
        vector: Of the encoder's space.
        top_k: Number of terms to return at most; None for all.
    """
    named: Callable[..., list[tuple[str, float]]] | None = getattr(encoder, "decode", None)
    if named is not None:
        return named(vector, top_k)
    terms, weights = heaviest(vector, encoder.fingerprint.dimensions, top_k)
    return [(f"#{term}", weight) for term, weight in zip(terms, weights, strict=True)]


def heaviest(
    vector: SparseVector, dimensions: int, top_k: int | None
) -> tuple[list[int], list[float]]:
    """Return the terms of a vector and their weights, heaviest first, ties by term id.

    Args:
        vector: Of the encoder's space.
        dimensions: Size of the encoder's space.
        top_k: Number of terms to return at most; None for all.

    Raises:
        InvalidTypeError: if ``vector`` is not a SparseVector, such as a batch of several.
        InvalidVectorError: if the vector is of another space.
        ConfigError: if ``top_k`` is below 1.
    """
    given: object = vector
    if not isinstance(given, SparseVector):
        raise InvalidTypeError(
            f"vector is {type(given).__name__}: expected a SparseVector" + _advice(given)
        )
    if vector.dimensions != dimensions:
        raise InvalidVectorError(
            f"vector has {vector.dimensions} dimensions, this encoder {dimensions}: decode with "
            "the encoder that made it"
        )
    if top_k is not None:
        top_k = require_whole(top_k, "top_k", least=1, unset="or None for all")
    order = np.lexsort((vector.indices, -vector.values))[:top_k]
    return vector.indices[order].tolist(), vector.values[order].tolist()


def require_encoder(encoder: SparseEncoder) -> SparseEncoder:
    """Return ``encoder`` if it can encode; nothing is loaded to find out.

    Raises:
        InvalidTypeError: if it is something else, such as the name of a model.
    """
    given: object = encoder
    if isinstance(given, type):
        raise InvalidTypeError(
            f"encoder is the class {given.__name__}: pass an object of it, as in "
            f"{given.__name__}(...)"
        )
    if callable(getattr(given, "encode_texts", None)):
        return encoder
    if callable(getattr(given, "encode_document", None)):
        raise InvalidTypeError(
            f"encoder is {type(given).__name__}, which has encode_document but not encode_texts: "
            "implement encode_texts(texts, *, side, options) -> SparseBatch; BaseEncoder makes "
            "encode_document and encode_query of it"
        )
    advice = f"SpladeEncoder({given!r})" if isinstance(given, str) else "SpladeEncoder()"
    raise InvalidTypeError(
        f"encoder is {type(given).__name__}: expected an object with encode_texts and "
        f"fingerprint, as in {advice}"
    )


def require_terms(value: object, name: str) -> int:
    """Return a number of terms to keep.

    Raises:
        InvalidTypeError: if it is not a whole number.
        ConfigError: if it is below 1.
    """
    return require_whole(value, name, least=1, unset="or None for all terms")


def require_batch(vectors: object, name: str) -> SparseBatch:
    """Return one vector or several as a batch.

    Args:
        vectors: A SparseVector or a SparseBatch.
        name: Name of the argument, for messages.

    Raises:
        InvalidTypeError: if it is neither.
    """
    if isinstance(vectors, SparseVector):
        return SparseBatch.from_vectors([vectors])
    if not isinstance(vectors, SparseBatch):
        raise InvalidTypeError(
            f"{name} is {type(vectors).__name__}: expected a SparseVector or a SparseBatch"
            + _advice(vectors)
        )
    return vectors


def _advice(given: object) -> str:
    if isinstance(given, SparseBatch):
        return ", one row, as in batch[0]"
    if isinstance(given, HybridVector | HybridBatch):
        return ", as in its part .sparse"
    if isinstance(given, str):
        return ", as encode gives it"
    if isinstance(given, list | tuple):
        return "; SparseBatch.from_vectors makes a batch of several vectors"
    return ""
