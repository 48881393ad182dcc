"""Checks of what a retriever is made of; pure."""

from __future__ import annotations

from splade_sdk.encoders.base import SparseEncoder
from splade_sdk.errors import InvalidTypeError

__all__ = ["require_encoder"]


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
    if not all(
        callable(getattr(given, name, None)) for name in ("encode_document", "encode_query")
    ):
        advice = f"SpladeEncoder({given!r})" if isinstance(given, str) else "SpladeEncoder()"
        raise InvalidTypeError(
            f"encoder is {type(given).__name__}: expected an object with encode_document and "
            f"encode_query, as in {advice}"
        )
    return encoder
