"""Checks of what callers hand to an encoder."""

from __future__ import annotations

from collections.abc import Iterable

from splade_sdk.errors import InvalidInputError, InvalidTypeError, InvalidVectorError
from splade_sdk.types import HybridBatch, HybridVector, SparseBatch, SparseVector
from splade_sdk.types.arguments import lone_surrogate, require_whole

__all__ = ["require_batch", "require_terms", "require_text", "require_texts", "require_vector"]


def require_texts(texts: object, *, name: str = "texts") -> list[str]:
    """Return ``texts`` as a list of strings that can be written as UTF-8.

    Args:
        texts: What the caller gave.
        name: What to call it in messages.

    Raises:
        InvalidTypeError: if it is None, bytes, a bare string, or holds other than strings.
        InvalidInputError: if a string holds a lone surrogate.
    """
    if isinstance(texts, str | bytes | bytearray) or not isinstance(texts, Iterable):
        raise InvalidTypeError(
            f"{name} is {type(texts).__name__}: expected a string or a list of strings"
            + (", decode it first: data.decode()" if isinstance(texts, bytes | bytearray) else "")
        )
    return [require_text(text, name=f"{name}[{at}]") for at, text in enumerate(texts)]


def require_text(text: object, *, name: str = "text") -> str:
    """Return ``text`` if it is a string that can be written as UTF-8.

    Args:
        text: What the caller gave.
        name: What to call it in messages.

    Raises:
        InvalidTypeError: if it is not a string.
        InvalidInputError: if it holds a lone surrogate.
    """
    if not isinstance(text, str):
        hint = ", decode it first: data.decode()" if isinstance(text, bytes | bytearray) else ""
        raise InvalidTypeError(f"{name} is {type(text).__name__}: expected a string{hint}")
    if (at := lone_surrogate(text)) is not None:
        raise InvalidInputError(
            f"{name} has a lone surrogate at character {at}: it is not valid Unicode; read files "
            "with errors='replace', or drop the character"
        )
    return text


def require_terms(value: object, name: str) -> int:
    """Return how many terms to keep.

    Raises:
        InvalidTypeError: if it is no whole number.
        ConfigError: if it is below 1.
    """
    return require_whole(value, name, least=1, unset="or None for all terms")


def require_vector(vector: object, dimensions: int) -> SparseVector:
    """Return ``vector`` if it is one sparse vector of a space.

    Args:
        vector: What the caller gave.
        dimensions: Size of the space.

    Raises:
        InvalidTypeError: if it is something else, such as a batch.
        InvalidVectorError: if it is of another space.
    """
    if not isinstance(vector, SparseVector):
        raise InvalidTypeError(
            f"vector is {type(vector).__name__}: expected a SparseVector" + _advice(vector)
        )
    if vector.dimensions != dimensions:
        raise InvalidVectorError(
            f"vector has {vector.dimensions} dimensions, this encoder {dimensions}: decode with "
            "the encoder that made it"
        )
    return vector


def require_batch(vectors: object, name: str) -> SparseBatch:
    """Return one vector or several as a batch.

    Args:
        vectors: What the caller gave.
        name: What to call it in messages.

    Raises:
        InvalidTypeError: if it is neither a SparseVector nor a SparseBatch.
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
