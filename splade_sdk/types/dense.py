"""Dense vectors: plain float32 arrays, checked where they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splade_sdk.errors import InvalidVectorError
from splade_sdk.types.arrays import FloatArray, read_only

__all__ = ["as_dense", "as_dense_rows", "same_fields"]


def as_dense(given: ArrayLike, what: str) -> FloatArray:
    """Return one dense vector as float32 that cannot be written to. Shape: ``(dimensions,)``.

    Args:
        given: Numbers.
        what: What it is; begins every message.

    Raises:
        InvalidVectorError: if it is not one row of finite numbers.
    """
    array = _as_floats(given, what)
    if array.ndim != 1 or not array.size:
        raise InvalidVectorError(f"{what}: the shape is {array.shape}, expected (dimensions,)")
    _require_finite(array[np.newaxis], what)
    return read_only(array)


def as_dense_rows(given: ArrayLike, rows: int, what: str) -> FloatArray:
    """Return dense vectors as float32 that cannot be written to. Shape: ``(rows, dimensions)``.

    Args:
        given: A row of numbers for each text.
        rows: Number of texts.
        what: What they are; begins every message.

    Raises:
        InvalidVectorError: if there is not one row of finite numbers for each text.
    """
    array = _as_floats(given, what)
    if array.ndim != 2 or array.shape[0] != rows or not array.shape[1]:
        raise InvalidVectorError(
            f"{what}: the shape is {array.shape}, expected ({rows}, dimensions), one row a text"
        )
    _require_finite(array, what)
    return read_only(array)


def same_fields(one: Any, other: object) -> bool:
    """Return whether two objects of one dataclass agree in every field, arrays included."""
    names = one.__dataclass_fields__
    return type(one) is type(other) and all(
        _same(getattr(one, name), getattr(other, name)) for name in names
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)


def _as_floats(given: ArrayLike, what: str) -> FloatArray:
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidVectorError(f"{what}: expected an array of numbers ({error})") from error
    if array.dtype.kind not in "fiu":
        raise InvalidVectorError(f"{what}: the dtype is {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        return np.ascontiguousarray(array, dtype=np.float32)


def _require_finite(rows: NDArray[np.float32], what: str) -> None:
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        where = f"row {row}, " if len(rows) > 1 else ""
        raise InvalidVectorError(
            f"{what}: {where}coordinate {column} is {rows[row, column]}: expected finite numbers "
            "in float32"
        )
