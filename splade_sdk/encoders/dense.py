"""Dense models of any kind behind one protocol: their vectors checked, and their fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from splade_sdk.config import DenseFingerprint
from splade_sdk.encoders.base import DenseEncoder, EncodeOptions, HybridEncoder, SideName
from splade_sdk.errors import InvalidTypeError, InvalidVectorError
from splade_sdk.types import HybridBatch
from splade_sdk.types.arrays import FloatArray
from splade_sdk.types.dense import as_dense_rows

__all__ = ["PROBE", "DenseSide", "ExternalDense", "OnePassDense", "dense_fingerprint"]

PROBE = "What is a sparse vector?"
"""The text whose vector tells dense models apart."""

_PROBE_COORDINATES = 64


class DenseSide(Protocol):
    """Makes dense vectors of texts."""

    @property
    def name(self) -> str:
        """Name or folder of the model, for messages."""
        ...

    def encode(self, texts: Sequence[str], side: SideName) -> FloatArray:
        """Return the vectors of documents or queries. Shape: ``(len(texts), dense_dimensions)``.

        Raises:
            InvalidVectorError: if the model makes something else than rows of finite numbers.
        """
        ...


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
        self._encode: dict[SideName, Callable[[list[str]], Any]] = {
            "document": getattr(encoder, "encode_document", encoder.encode),
            "query": getattr(encoder, "encode_query", encoder.encode),
        }

    def encode(self, texts: Sequence[str], side: SideName) -> FloatArray:
        """Return the vectors of documents or queries. Shape: ``(len(texts), dense_dimensions)``."""
        rows = self._encode[side](list(texts))
        return as_dense_rows(rows, len(texts), f"vectors of {self.name!r}")


class OnePassDense:
    """The dense head of a sparse encoder.

    Args:
        encoder: Its ``dense_dimensions`` is not None.
        name: Name or folder of the model.
    """

    def __init__(self, encoder: HybridEncoder, name: str) -> None:
        self.name = name
        self._encoder = encoder

    def encode(self, texts: Sequence[str], side: SideName) -> FloatArray:
        """Return the vectors of documents or queries. Shape: ``(len(texts), dense_dimensions)``."""
        return self.encode_hybrid(texts, side).dense

    def encode_hybrid(self, texts: Sequence[str], side: SideName) -> HybridBatch:
        """Return both vectors of each text, from one pass."""
        made = self._encoder.encode_hybrid(list(texts), side=side, options=EncodeOptions())
        rows = as_dense_rows(made.dense, len(texts), f"dense vectors of {self.name!r}")
        return HybridBatch(made.sparse, rows)


def dense_fingerprint(side: DenseSide) -> DenseFingerprint:
    """Return the fingerprint of a dense model, which is the vector that it makes of a fixed text.

    Args:
        side: The model; it encodes one short text.

    Raises:
        InvalidVectorError: if that is not a row of finite numbers, or only zeros.
    """
    row = side.encode([PROBE], "document")[0].astype(float)
    if not row.any():
        raise InvalidVectorError(f"{side.name!r} makes a vector of zeros of the text {PROBE!r}")
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
