"""The values that travel through the package; their invariants are checked when they are made.

A sparse vector has sorted, unique indices in ``[0, dimensions)`` and finite values > 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splade_sdk.errors import InvalidDocumentError, InvalidVectorError

if TYPE_CHECKING:
    import torch
    from qdrant_client import models
    from scipy.sparse import csr_matrix
    from typing_extensions import Self

__all__ = [
    "Document",
    "FailedBatch",
    "Hit",
    "IngestReport",
    "Leg",
    "SparseBatch",
    "SparseVector",
    "SparsityStats",
]

MAX_DIMENSIONS = 2**31 - 1

IntArray = NDArray[np.int32]
OffsetArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


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
        indices = _as_indices(self.indices)
        values = _as_values(self.values)
        offsets = np.array([0, indices.size], dtype=np.int64)
        _check_csr(offsets, indices, values, self.dimensions)
        object.__setattr__(self, "indices", _read_only(indices))
        object.__setattr__(self, "values", _read_only(values))

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
        _same_space(self.dimensions, other.dimensions)
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


@dataclass(frozen=True, slots=True)
class SparsityStats:
    """How sparse a batch is.

    Attributes:
        rows: Number of vectors.
        active_dims: Mean number of active terms a vector.
        active_dims_min: Fewest active terms of any vector.
        active_dims_max: Most active terms of any vector.
        empty: Number of vectors without any term.
        sparsity_ratio: Share of zeros among all weights, between 0 and 1.
    """

    rows: int
    active_dims: float
    active_dims_min: int
    active_dims_max: int
    empty: int
    sparsity_ratio: float


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
        indices = _as_indices(self.indices)
        values = _as_values(self.values)
        _check_csr(indptr, indices, values, self.dimensions)
        object.__setattr__(self, "indptr", _read_only(indptr))
        object.__setattr__(self, "indices", _read_only(indices))
        object.__setattr__(self, "values", _read_only(values))

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
            _same_space(dimensions, vector.dimensions)
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
        for batch in batches:
            _same_space(batches[0].dimensions, batch.dimensions)
        lengths = np.concatenate([np.diff(batch.indptr) for batch in batches])
        return cls(
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
        return SparseBatch(indptr, self.indices[kept], self.values[kept], self.dimensions)

    def dot(self, other: SparseBatch) -> NDArray[np.float64]:
        """Return all inner products, summed in float64. Shape: ``(len(self), len(other))``.

        Raises:
            InvalidVectorError: if the two spaces differ in size.
        """
        from scipy.sparse import csr_matrix

        _same_space(self.dimensions, other.dimensions)
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


@dataclass(frozen=True, slots=True)
class Document:
    """A text to index.

    Attributes:
        id: The caller's own id: any non-empty string.
        text: What is encoded and returned; may be empty (stored, but never matches).
        metadata: JSON values to filter by and to return.
        vector: A ready-made vector; the text is then stored without being encoded.

    Raises:
        InvalidDocumentError: if a field has the wrong type or the id is empty.
    """

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise InvalidDocumentError(
                f"document id is {self.id!r}: expected a non-empty string (str(...) for numbers)"
            )
        if not isinstance(self.text, str):
            raise InvalidDocumentError(
                f"text of document {self.id!r} is {type(self.text).__name__}: expected a string"
            )
        _require_unicode(self.id, f"the id {self.id!r}")
        _require_unicode(self.text, f"text of document {self.id!r}")
        if not isinstance(self.metadata, Mapping):
            raise InvalidDocumentError(
                f"metadata of document {self.id!r} is {type(self.metadata).__name__}: "
                "expected a mapping such as {'year': 2024}"
            )


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg of a search (sparse, dense) said of a hit.

    Attributes:
        rank: Position in that leg's own ranking, from 1.
        score: That leg's own score.
    """

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A found document.

    Attributes:
        id: The id the document was stored under.
        score: The score the hits are ordered by.
        text: The document's text.
        metadata: The document's metadata.
        vector: The stored sparse vector, where asked for.
        legs: Rank and score in each leg that found it, by leg name.
    """

    id: str
    score: float
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    vector: SparseVector | None = None
    legs: Mapping[str, Leg] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """Documents that could not be stored.

    Attributes:
        ids: Their ids.
        cause: What the engine or encoder said.
    """

    ids: tuple[str, ...]
    cause: Exception


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an upsert did.

    Attributes:
        stored: Number of documents written, and now durable.
        empty: Number of those whose vector has no term, so that no query finds them.
        failed: Batches that were not stored, with their cause.
        encode_s: Seconds spent encoding.
        store_s: Seconds spent in the engine; both sides work at the same time, so that the two
            may add up to more than the whole took.
        skipped: Number of documents that were stored already, as they are.
        deleted: Number of stored documents that a ``sync`` deleted.
    """

    stored: int = 0
    empty: int = 0
    failed: tuple[FailedBatch, ...] = ()
    encode_s: float = 0.0
    store_s: float = 0.0
    skipped: int = 0
    deleted: int = 0

    def __add__(self, other: Self) -> IngestReport:
        return IngestReport(
            self.stored + other.stored,
            self.empty + other.empty,
            self.failed + other.failed,
            self.encode_s + other.encode_s,
            self.store_s + other.store_s,
            self.skipped + other.skipped,
            self.deleted + other.deleted,
        )


def _as_indices(given: ArrayLike) -> IntArray:
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


def _as_values(given: ArrayLike) -> FloatArray:
    array = np.asarray(given)
    if array.ndim != 1:
        raise InvalidVectorError(f"values have shape {array.shape}: expected one dimension")
    if array.size and array.dtype.kind not in "fiu":
        raise InvalidVectorError(f"values have dtype {array.dtype}: expected numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        return np.ascontiguousarray(array, dtype=np.float32)


def _check_csr(indptr: OffsetArray, indices: IntArray, values: FloatArray, dimensions: int) -> None:
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


def _same_space(mine: int, theirs: int) -> None:
    if mine != theirs:
        raise InvalidVectorError(
            f"vectors of {mine} and {theirs} dimensions cannot be compared: use one model for both"
        )


def _require_unicode(text: str, what: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidDocumentError(
            f"{what} has a lone surrogate at character {error.start}: it is not valid Unicode; "
            "read files with errors='replace', or drop the character"
        ) from error


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
