"""Arrays of sparse vectors: brought to their types, and their invariants checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splade_sdk.errors import InvalidVectorError

__all__ = [
    "MAX_DIMENSIONS",
    "FloatArray",
    "IntArray",
    "OffsetArray",
    "as_indices",
    "as_values",
    "read_only",
    "require_rows",
    "require_same_space",
]


MAX_DIMENSIONS = 2**31 - 1

IntArray = NDArray[np.int32]
OffsetArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


def as_indices(given: ArrayLike) -> IntArray:
    """Return term ids as int32. Raises InvalidVectorError."""
    array = np.asarray(given)
    if array.ndim != 1:
        raise InvalidVectorError(f"indices have shape {array.shape}: expected one dimension")
    if array.size == 0:
        return np.empty(0, np.int32)
    if array.dtype.kind not in "iu":
        raise InvalidVectorError(f"indices have dtype {array.dtype}: expected whole numbers")
    if array.dtype != np.int32:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= MAX_DIMENSIONS:
            bad = low if low < 0 else high
            raise InvalidVectorError(f"index {bad} is out of range [0, {MAX_DIMENSIONS})")
    return np.ascontiguousarray(array, dtype=np.int32)


def as_values(given: ArrayLike) -> FloatArray:
    """Return weights as float32. Raises InvalidVectorError."""
    array = np.asarray(given)
    if array.ndim != 1:
        raise InvalidVectorError(f"values have shape {array.shape}: expected one dimension")
    if array.size and array.dtype.kind not in "fiu":
        raise InvalidVectorError(f"values have dtype {array.dtype}: expected numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        return np.ascontiguousarray(array, dtype=np.float32)


def require_rows(
    indptr: OffsetArray, indices: IntArray, values: FloatArray, dimensions: int
) -> None:
    """Raise InvalidVectorError unless the arrays form valid rows."""
    if not 0 < dimensions <= MAX_DIMENSIONS:
        raise InvalidVectorError(f"dimensions is {dimensions}: expected 1 to {MAX_DIMENSIONS}")
    if indptr.ndim != 1 or not indptr.size or indptr[0] != 0 or indptr[-1] != indices.size:
        raise InvalidVectorError(
            f"indptr does not span the {indices.size} indices: expected 0, ..., {indices.size}"
        )
    if (np.diff(indptr) < 0).any():
        raise InvalidVectorError("indptr decreases: row offsets must grow")
    if indices.size != values.size:
        raise InvalidVectorError(f"{indices.size} indices but {values.size} values: expected pairs")
    if not indices.size:
        return

    def row_of(position: int) -> str:
        return f"row {int(np.searchsorted(indptr, position, side='right')) - 1}"

    bad = ~np.isfinite(values) | (values <= 0)
    if bad.any():
        at = int(bad.argmax())
        raise InvalidVectorError(
            f"{row_of(at)}: weight {values[at]} of term {indices[at]} is not a finite number > 0 "
            "in float32; drop zero and negative weights"
        )
    out = (indices < 0) | (indices >= dimensions)
    if out.any():
        at = int(out.argmax())
        raise InvalidVectorError(
            f"{row_of(at)}: term {indices[at]} is out of range [0, {dimensions})"
        )
    falling = np.diff(indices) <= 0
    starts = indptr[1:-1]
    falling[starts[(starts > 0) & (starts < indices.size)] - 1] = False
    if falling.any():
        at = int(falling.argmax()) + 1
        raise InvalidVectorError(
            f"{row_of(at)}: term {indices[at]} follows {indices[at - 1]}, but terms must be sorted "
            "and unique; SparseVector.from_dict sorts"
        )


def require_same_space(mine: int, theirs: int) -> None:
    """Raise InvalidVectorError unless both spaces have the same dimensions."""
    if mine != theirs:
        raise InvalidVectorError(
            f"vectors of {mine} and {theirs} dimensions cannot be compared: use one model for both"
        )


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
