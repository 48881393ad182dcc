"""Sparse vectors, alone and in batches.

A sparse vector has sorted, unique indices in ``[0, dimensions)`` and finite values > 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from splade_sdk.errors import InvalidVectorError
from splade_sdk.types.arrays import (
    FloatArray,
    IntArray,
    OffsetArray,
    as_indices,
    as_values,
    read_only,
    require_rows,
    require_same_space,
)
from splade_sdk.types.sparsity import SparsityStats

if TYPE_CHECKING:
    import torch
    from qdrant_client import models
    from scipy.sparse import csr_matrix

__all__ = ["SparseBatch", "SparseVector"]


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """One sparse vector.

    Attributes:
        indices: Term ids, int32, sorted and unique. Shape: ``(nnz,)``.
        values: Term weights, float32, finite and > 0. Shape: ``(nnz,)``.
        dimensions: Size of the space (the vocabulary).

    Raises:
        InvalidVectorError: if an invariant does not hold; the message names the first offender.
    """

    indices: IntArray
    values: FloatArray
    dimensions: int

    def __post_init__(self) -> None:
        indices = as_indices(self.indices)
        values = as_values(self.values)
        offsets = np.array([0, indices.size], dtype=np.int64)
        require_rows(offsets, indices, values, self.dimensions)
        object.__setattr__(self, "indices", read_only(indices))
        object.__setattr__(self, "values", read_only(values))

    @classmethod
    def _trusted(cls, indices: IntArray, values: FloatArray, dimensions: int) -> SparseVector:
        """Wrap arrays that are known to be valid."""
        made = object.__new__(cls)
        object.__setattr__(made, "indices", indices)
        object.__setattr__(made, "values", values)
        object.__setattr__(made, "dimensions", dimensions)
        return made

    @classmethod
    def empty(cls, dimensions: int) -> SparseVector:
        """Return the vector without terms, which matches nothing."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float32), dimensions)

    @classmethod
    def from_dict(cls, weights: Mapping[int, float], dimensions: int) -> SparseVector:
        """Build from term id -> weight, in any order.

        Args:
            weights: Weight > 0 of each term id.
            dimensions: Size of the space.

        Raises:
            InvalidVectorError: if an id is out of range or a weight is not finite and > 0.
        """
        ordered = sorted(weights.items())
        return cls(
            np.array([index for index, _ in ordered], dtype=np.int64),
            np.array([value for _, value in ordered], dtype=np.float64),
            dimensions,
        )

    def __len__(self) -> int:
        """Return the number of active terms."""
        return int(self.indices.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseVector):
            return NotImplemented
        return (
            self.dimensions == other.dimensions
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SparseVector(active_dims={len(self)}, dimensions={self.dimensions})"

    def to_dict(self) -> dict[int, float]:
        """Return term id -> weight."""
        return dict(zip(self.indices.tolist(), self.values.tolist(), strict=True))

    def to_dense(self) -> FloatArray:
        """Return the vector with its zeros. Shape: ``(dimensions,)``."""
        dense = np.zeros(self.dimensions, dtype=np.float32)
        dense[self.indices] = self.values
        return dense

    def to_qdrant(self) -> models.SparseVector:
        """Return qdrant-client's model of this vector."""
        from qdrant_client import models

        return models.SparseVector(indices=self.indices.tolist(), values=self.values.tolist())

    def dot(self, other: SparseVector) -> float:
        """Return the inner product, summed in float64.

        Raises:
            InvalidVectorError: if the two spaces differ in size.
        """
        require_same_space(self.dimensions, other.dimensions)
        _, mine, theirs = np.intersect1d(
            self.indices, other.indices, assume_unique=True, return_indices=True
        )
        return float(self.values[mine].astype(np.float64) @ other.values[theirs].astype(np.float64))

    def prune(self, max_active_dims: int) -> SparseVector:
        """Keep the largest weights; equal weights keep the lower term id.

        Args:
            max_active_dims: Number of terms to keep at most, at least 1.
        """
        return SparseBatch.from_vectors([self], self.dimensions).prune(max_active_dims)[0]


@dataclass(frozen=True, slots=True, eq=False)
class SparseBatch(Sequence[SparseVector]):
    """Many sparse vectors in compressed sparse row (CSR) form, on the CPU.

    Row ``i`` has the terms ``indices[indptr[i]:indptr[i + 1]]`` with the weights
    ``values[indptr[i]:indptr[i + 1]]``.

    Attributes:
        indptr: Row offsets, int64. Shape: ``(rows + 1,)``.
        indices: Term ids, int32, sorted and unique in each row. Shape: ``(nnz,)``.
        values: Term weights, float32, finite and > 0. Shape: ``(nnz,)``.
        dimensions: Size of the space (the vocabulary).

    Raises:
        InvalidVectorError: if an invariant does not hold; the message names the row.
    """

    indptr: OffsetArray
    indices: IntArray
    values: FloatArray
    dimensions: int

    def __post_init__(self) -> None:
        indptr = np.ascontiguousarray(self.indptr, dtype=np.int64)
        indices = as_indices(self.indices)
        values = as_values(self.values)
        require_rows(indptr, indices, values, self.dimensions)
        object.__setattr__(self, "indptr", read_only(indptr))
        object.__setattr__(self, "indices", read_only(indices))
        object.__setattr__(self, "values", read_only(values))

    @classmethod
    def _trusted(
        cls, indptr: OffsetArray, indices: IntArray, values: FloatArray, dimensions: int
    ) -> SparseBatch:
        """Wrap arrays of the right types that came from valid rows; nothing is checked again."""
        made = object.__new__(cls)
        for name, array in (("indptr", indptr), ("indices", indices), ("values", values)):
            array.flags.writeable = False
            object.__setattr__(made, name, array)
        object.__setattr__(made, "dimensions", dimensions)
        return made

    @classmethod
    def empty(cls, dimensions: int, rows: int = 0) -> SparseBatch:
        """Return a batch of ``rows`` vectors without terms."""
        return cls(
            np.zeros(rows + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), dimensions
        )

    @classmethod
    def from_vectors(
        cls, vectors: Sequence[SparseVector], dimensions: int | None = None
    ) -> SparseBatch:
        """Stack vectors of one space.

        Args:
            vectors: The rows, in order.
            dimensions: Size of the space; needed where ``vectors`` is empty.

        Raises:
            InvalidVectorError: if the spaces differ, or there is neither a vector nor a size.
        """
        if dimensions is None:
            if not vectors:
                raise InvalidVectorError("no vectors given: pass dimensions= to say of which space")
            dimensions = vectors[0].dimensions
        for vector in vectors:
            require_same_space(dimensions, vector.dimensions)
        indptr = np.zeros(len(vectors) + 1, dtype=np.int64)
        np.cumsum([len(vector) for vector in vectors], out=indptr[1:])
        if not vectors:
            return cls.empty(dimensions)
        return cls(
            indptr,
            np.concatenate([vector.indices for vector in vectors]),
            np.concatenate([vector.values for vector in vectors]),
            dimensions,
        )

    @classmethod
    def from_scipy(cls, matrix: Any) -> SparseBatch:
        """Build from any scipy sparse matrix; explicit zeros are dropped.

        Args:
            matrix: Shape: ``(rows, dimensions)``.

        Raises:
            InvalidVectorError: if a weight is negative or not finite.
        """
        csr = matrix.tocsr(copy=True)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        return cls(csr.indptr, csr.indices, csr.data, int(csr.shape[1]))

    @classmethod
    def concat(cls, batches: Sequence[SparseBatch]) -> SparseBatch:
        """Stack batches of one space, at least one.

        Raises:
            InvalidVectorError: if there is no batch or the spaces differ.
        """
        if not batches:
            raise InvalidVectorError("no batches given: pass at least one")
        if len(batches) == 1:
            return batches[0]
        for batch in batches:
            require_same_space(batches[0].dimensions, batch.dimensions)
        lengths = np.concatenate([np.diff(batch.indptr) for batch in batches])
        return cls._trusted(
            np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
            np.concatenate([batch.indices for batch in batches]),
            np.concatenate([batch.values for batch in batches]),
            batches[0].dimensions,
        )

    def __len__(self) -> int:
        """Return the number of vectors."""
        return int(self.indptr.size - 1)

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, dimensions)``."""
        return len(self), self.dimensions

    @overload
    def __getitem__(self, key: int) -> SparseVector: ...
    @overload
    def __getitem__(self, key: slice | Sequence[int] | NDArray[np.int64]) -> SparseBatch: ...
    def __getitem__(
        self, key: int | slice | Sequence[int] | NDArray[np.int64]
    ) -> SparseVector | SparseBatch:
        """Return one row as a vector, or several rows (slice or positions) as a batch."""
        if isinstance(key, int | np.integer):
            row = int(key) + len(self) if key < 0 else int(key)
            if not 0 <= row < len(self):
                raise IndexError(f"row {key} of a batch of {len(self)}")
            part = slice(self.indptr[row], self.indptr[row + 1])
            return SparseVector._trusted(self.indices[part], self.values[part], self.dimensions)
        rows = np.arange(len(self))[key]
        lengths = np.diff(self.indptr)[rows]
        indptr = np.zeros(rows.size + 1, dtype=np.int64)
        np.cumsum(lengths, out=indptr[1:])
        positions = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return SparseBatch(indptr, self.indices[positions], self.values[positions], self.dimensions)

    def __iter__(self) -> Iterator[SparseVector]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseBatch):
            return NotImplemented
        return (
            self.dimensions == other.dimensions
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"SparseBatch(rows={stats.rows}, dimensions={self.dimensions}, "
            f"active_dims={stats.active_dims:.1f})"
        )

    def stats(self) -> SparsityStats:
        """Count active terms."""
        lengths = np.diff(self.indptr)
        rows = len(self)
        return SparsityStats(
            rows=rows,
            active_dims=float(lengths.mean()) if rows else 0.0,
            active_dims_min=int(lengths.min()) if rows else 0,
            active_dims_max=int(lengths.max()) if rows else 0,
            empty=int((lengths == 0).sum()),
            sparsity_ratio=1.0 - float(lengths.mean()) / self.dimensions if rows else 1.0,
        )

    def prune(self, max_active_dims: int) -> SparseBatch:
        """Keep the largest weights of each row; equal weights keep the lower term id.

        Args:
            max_active_dims: Number of terms to keep in a row at most, at least 1.

        Raises:
            InvalidVectorError: if ``max_active_dims`` is below 1.
        """
        if max_active_dims < 1:
            raise InvalidVectorError(
                f"max_active_dims is {max_active_dims}: keep at least 1 term, or pass None for all"
            )
        lengths = np.diff(self.indptr)
        if not lengths.size or lengths.max() <= max_active_dims:
            return self
        rows = np.repeat(np.arange(len(self)), lengths)
        order = np.lexsort((self.indices, -self.values, rows))
        rank = np.arange(self.indices.size) - np.repeat(self.indptr[:-1], lengths)
        kept = np.sort(order[rank < max_active_dims])
        indptr = np.zeros_like(self.indptr)
        np.cumsum(np.minimum(lengths, max_active_dims), out=indptr[1:])
        return SparseBatch._trusted(indptr, self.indices[kept], self.values[kept], self.dimensions)

    def dot(self, other: SparseBatch) -> NDArray[np.float64]:
        """Return all inner products, summed in float64. Shape: ``(len(self), len(other))``.

        Raises:
            InvalidVectorError: if the two spaces differ in size.
        """
        from scipy.sparse import csr_matrix

        require_same_space(self.dimensions, other.dimensions)
        # Only the terms in use get a column: the space itself may have 2**31.
        terms, columns = np.unique(
            np.concatenate([self.indices, other.indices]), return_inverse=True
        )
        split = self.indices.size
        left = csr_matrix(
            (self.values.astype(np.float64), columns[:split], self.indptr),
            shape=(len(self), terms.size),
        )
        right = csr_matrix(
            (other.values.astype(np.float64), columns[split:], other.indptr),
            shape=(len(other), terms.size),
        )
        product: NDArray[np.float64] = (left @ right.T).toarray()
        return product

    def to_scipy(self) -> csr_matrix:
        """Return a scipy CSR matrix over copies of the arrays. Shape: ``(rows, dimensions)``."""
        from scipy.sparse import csr_matrix

        return csr_matrix(
            (self.values.copy(), self.indices.copy(), self.indptr.copy()), shape=self.shape
        )

    def to_torch(self) -> torch.Tensor:
        """Return a coalesced sparse COO tensor on the CPU. Shape: ``(rows, dimensions)``."""
        import torch

        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        return torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([rows, self.indices.astype(np.int64)])),
            torch.from_numpy(self.values.copy()),
            size=self.shape,
            is_coalesced=True,
            check_invariants=False,
        )

    def to_qdrant(self) -> list[models.SparseVector]:
        """Return qdrant-client's model of each row."""
        return [vector.to_qdrant() for vector in self]
