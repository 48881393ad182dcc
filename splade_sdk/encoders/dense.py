"""Any dense model behind one face: its vectors checked, and its identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from splade_sdk.config import DenseFingerprint
from splade_sdk.encoders.base import DenseEncoder, HybridEncoder
from splade_sdk.errors import InvalidTypeError, InvalidVectorError
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import as_dense_rows

__all__ = ["DenseSide", "ExternalDense", "OnePassDense", "dense_fingerprint"]

_PROBE = "What is a sparse vector?"
_PROBE_COORDINATES = 64


class DenseSide(Protocol):
    """Makes dense vectors of texts. Shape of all: ``(len(texts), dense_dimensions)``."""

    @property
    def name(self) -> str:
        """Name or folder of the model, for messages."""

    def encode_document(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each document."""

    def encode_query(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each query."""


class ExternalDense:
    """A model of its own, such as a SentenceTransformer.

    Its ``encode_document`` and ``encode_query`` are used where it has them, else its ``encode``.

    Args:
        encoder: The model.

    Raises:
        InvalidTypeError: if it cannot encode.
    """

    def __init__(self, encoder: DenseEncoder) -> None:
        given: object = encoder
        if isinstance(given, str) or not callable(getattr(given, "encode", None)):
            raise InvalidTypeError(
                f"dense_encoder is {encoder!r:.80} ({type(encoder).__name__}): expected an object "
                "with encode(list of texts) -> array, such as SentenceTransformer(name), or False "
                "for none"
            )
        self.name = _model_name(encoder)
        self._document = getattr(encoder, "encode_document", encoder.encode)
        self._query = getattr(encoder, "encode_query", encoder.encode)

    def encode_document(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each document."""
        return self._rows(self._document, texts)

    def encode_query(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each query."""
        return self._rows(self._query, texts)

    def _rows(self, encode: Callable[[list[str]], Any], texts: Sequence[str]) -> FloatArray:
        return as_dense_rows(encode(list(texts)), len(texts), f"vectors of {self.name!r}")


class OnePassDense:
    """The dense head of a sparse encoder.

    Args:
        encoder: Its ``dense_dimensions`` is not None.
        name: Name or folder of the model.
    """

    def __init__(self, encoder: HybridEncoder, name: str) -> None:
        self.name = name
        self._encoder = encoder

    def encode_document(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each document."""
        made = self._encoder.encode_document(list(texts), dense=True, show_progress_bar=False)
        return self.require(made.dense, len(texts))

    def encode_query(self, texts: Sequence[str]) -> FloatArray:
        """Return a row for each query."""
        made = self._encoder.encode_query(list(texts), dense=True, show_progress_bar=False)
        return self.require(made.dense, len(texts))

    def require(self, rows: FloatArray, texts: int) -> FloatArray:
        """Return the rows, checked. Raises InvalidVectorError."""
        return as_dense_rows(rows, texts, f"dense vectors of {self.name!r}")


def dense_fingerprint(side: DenseSide) -> DenseFingerprint:
    """Return the identity of a dense model, which is what it makes of a fixed text.

    Args:
        side: The model; it encodes one short text.

    Raises:
        InvalidVectorError: if what it makes is no row of finite numbers.
    """
    row = side.encode_document([_PROBE])[0].astype(float)
    if not row.any():
        raise InvalidVectorError(f"{side.name!r} makes a vector of zeros of the text {_PROBE!r}")
    probe = tuple(round(each, 6) for each in row[:_PROBE_COORDINATES].tolist())
    return DenseFingerprint(model=side.name, dimensions=row.size, probe=probe)


def _model_name(encoder: object) -> str:
    """Return the name of a model: its card's, its configuration's, or that of its class."""
    card = getattr(encoder, "model_card_data", None)
    for holder, attribute in (
        (encoder, "model_name_or_path"),
        (encoder, "model_name"),
        (card, "model_id"),
        (card, "base_model"),
        (_transformer_config(encoder), "_name_or_path"),
    ):
        name = getattr(holder, attribute, None)
        if isinstance(name, str) and name:
            return name
    return type(encoder).__qualname__


def _transformer_config(encoder: object) -> object:
    """Return the configuration of a SentenceTransformer's transformer, which knows its folder."""
    modules = getattr(encoder, "_modules", None)
    first = next(iter(modules.values()), None) if isinstance(modules, dict) else None
    return getattr(getattr(first, "auto_model", None), "config", None)
