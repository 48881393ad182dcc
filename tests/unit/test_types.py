"""Properties of the values that everything else passes around."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from splade_sdk.errors import EngineError, InvalidDocumentError, InvalidVectorError
from splade_sdk.types import (
    Document,
    FailedBatch,
    IngestReport,
    SparseBatch,
    SparseVector,
)
from splade_sdk.types.arrays import MAX_DIMENSIONS

DIMENSIONS = 40
Row = dict[int, float]

weight = st.floats(2.0**-100, 2.0**100, width=32)
row = st.dictionaries(st.integers(0, DIMENSIONS - 1), weight, max_size=12)
rows = st.lists(row, max_size=6)


def vector(weights: Row, dimensions: int = DIMENSIONS) -> SparseVector:
    return SparseVector.from_dict(weights, dimensions)


def batch(given_rows: list[Row]) -> SparseBatch:
    return SparseBatch.from_vectors([vector(each) for each in given_rows], DIMENSIONS)


def dense(given_rows: list[Row]) -> np.ndarray:
    matrix = np.zeros((len(given_rows), DIMENSIONS), dtype=np.float32)
    for at, weights in enumerate(given_rows):
        matrix[at, list(weights)] = list(weights.values())
    return matrix


@given(row)
def test_vector_round_trips(weights: Row) -> None:
    made = vector(weights)
    assert made.to_dict() == weights
    assert len(made) == len(weights)
    assert made == SparseVector(made.indices, made.values, made.dimensions)
    np.testing.assert_array_equal(made.to_dense(), dense([weights])[0])
    models = made.to_qdrant()
    assert dict(zip(models.indices, models.values, strict=True)) == weights
    assert models.indices == sorted(models.indices)


@given(rows)
def test_batch_round_trips(given_rows: list[Row]) -> None:
    made = batch(given_rows)
    assert made.shape == (len(given_rows), DIMENSIONS)
    assert [each.to_dict() for each in made] == given_rows
    assert made == SparseBatch(made.indptr, made.indices, made.values, made.dimensions)
    assert SparseBatch.from_scipy(made.to_scipy()) == made
    np.testing.assert_array_equal(made.to_scipy().toarray(), dense(given_rows))
    np.testing.assert_array_equal(made.to_torch().to_dense().numpy(), dense(given_rows))
    assert [
        dict(zip(models.indices, models.values, strict=True)) for models in made.to_qdrant()
    ] == given_rows


@given(rows, st.data())
def test_batch_indexing_is_a_lists(given_rows: list[Row], data: st.DataObject) -> None:
    made = batch(given_rows)
    bound = st.none() | st.integers(-8, 8)
    step = data.draw(st.none() | st.integers(-3, 3).filter(bool))
    part = slice(data.draw(bound), data.draw(bound), step)
    assert [each.to_dict() for each in made[part]] == given_rows[part]
    if given_rows:
        at = data.draw(st.integers(-len(given_rows), len(given_rows) - 1))
        assert made[at].to_dict() == given_rows[at]
        positions = data.draw(st.lists(st.integers(0, len(given_rows) - 1), min_size=1))
        assert [each.to_dict() for each in made[positions]] == [given_rows[at] for at in positions]
    for outside in (len(given_rows), -len(given_rows) - 1):
        with pytest.raises(IndexError, match=f"batch of {len(given_rows)}"):
            made[outside]


@given(st.lists(rows, min_size=1, max_size=4))
def test_concat_stacks(batches: list[list[Row]]) -> None:
    stacked = SparseBatch.concat([batch(each) for each in batches])
    assert [each.to_dict() for each in stacked] == [weights for each in batches for weights in each]


@given(rows, st.integers(1, 14))
def test_prune_keeps_the_largest_and_of_equals_the_lower_ids(
    given_rows: list[Row], kept: int
) -> None:
    expected = [
        dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:kept])
        for weights in given_rows
    ]
    assert [each.to_dict() for each in batch(given_rows).prune(kept)] == expected
    assert [vector(weights).prune(kept).to_dict() for weights in given_rows] == expected


@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from([1.0, 2.0]), min_size=3), st.integers(1, 3)
)
def test_prune_of_equal_weights(weights: Row, kept: int) -> None:
    pruned = vector(weights).prune(kept).to_dict()
    assert list(pruned) == sorted(
        sorted(weights, key=lambda index: (-weights[index], index))[:kept]
    )


@given(rows, rows)
def test_dot_is_the_dense_inner_product(left: list[Row], right: list[Row]) -> None:
    expected = dense(left).astype(np.float64) @ dense(right).astype(np.float64).T
    product = batch(left).dot(batch(right))
    assert product.shape == (len(left), len(right))
    assert product.dtype == np.float64
    np.testing.assert_allclose(product, expected, rtol=1e-12)
    for at, mine in enumerate(left):
        for other_at, theirs in enumerate(right):
            assert vector(mine).dot(vector(theirs)) == pytest.approx(
                expected[at, other_at], rel=1e-12
            )


def test_dot_takes_the_largest_space() -> None:
    made = SparseBatch.from_vectors([vector({0: 2.0, MAX_DIMENSIONS - 1: 3.0}, MAX_DIMENSIONS)] * 2)
    assert made.dot(made).tolist() == [[2 * 2 + 3 * 3] * 2] * 2


@given(rows)
def test_stats_count(given_rows: list[Row]) -> None:
    stats = batch(given_rows).stats()
    lengths = [len(weights) for weights in given_rows] or [0]
    assert stats.rows == len(given_rows)
    assert stats.empty == sum(not weights for weights in given_rows)
    assert (stats.active_dims_min, stats.active_dims_max) == (min(lengths), max(lengths))
    assert stats.active_dims == pytest.approx(sum(lengths) / len(lengths))
    assert stats.sparsity_ratio == pytest.approx(1 - sum(lengths) / len(lengths) / DIMENSIONS)


@given(rows.filter(bool))
def test_arrays_cannot_be_written_to(given_rows: list[Row]) -> None:
    made = batch(given_rows)
    arrays = [made.indptr, made.indices, made.values]
    for each in (made[0], vector(given_rows[0]), made[:1], made.prune(1)):
        arrays += [each.indices, each.values]
    for array in arrays:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(FrozenInstanceError):
        made.dimensions = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        made[0].values = made.values  # type: ignore[misc]


@given(rows)
def test_what_is_given_away_is_a_copy(given_rows: list[Row]) -> None:
    made = batch(given_rows)
    made.to_scipy().data[:] = 9
    made.to_torch().values().zero_()
    assert [each.to_dict() for each in made] == given_rows


def test_equality_is_of_values_and_space() -> None:
    assert vector({1: 1.0}) == vector({1: 1.0})
    assert vector({1: 1.0}) != vector({1: 2.0})
    assert vector({1: 1.0}) != vector({2: 1.0})
    assert vector({1: 1.0}) != vector({1: 1.0}, DIMENSIONS + 1)
    assert vector({1: 1.0}) != {1: 1.0}
    assert batch([{1: 1.0}, {}]) != batch([{}, {1: 1.0}])
    assert batch([{1: 1.0}]) != [vector({1: 1.0})]
    with pytest.raises(TypeError, match="unhashable"):
        hash(vector({1: 1.0}))


def break_order(indices: list[int], values: list[float]) -> None:
    indices[0], indices[1] = indices[1], indices[0]


def break_uniqueness(indices: list[int], values: list[float]) -> None:
    indices[1] = indices[0]


def break_range(indices: list[int], values: list[float]) -> None:
    indices[-1] = DIMENSIONS


def break_sign(indices: list[int], values: list[float]) -> None:
    values[0] = -1.0


def break_support(indices: list[int], values: list[float]) -> None:
    values[-1] = 0.0


def break_number(indices: list[int], values: list[float]) -> None:
    values[0] = float("nan")


def break_finiteness(indices: list[int], values: list[float]) -> None:
    values[0] = float("inf")


def break_float32_from_above(indices: list[int], values: list[float]) -> None:
    values[0] = 1e300


def break_float32_from_below(indices: list[int], values: list[float]) -> None:
    values[0] = 1e-300


def break_pairs(indices: list[int], values: list[float]) -> None:
    values.append(1.0)


@pytest.mark.parametrize(
    "damage",
    [
        break_order,
        break_uniqueness,
        break_range,
        break_sign,
        break_support,
        break_number,
        break_finiteness,
        pytest.param(
            break_float32_from_above,
            marks=pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning"),
        ),
        break_float32_from_below,
        break_pairs,
    ],
)
@given(weights=st.dictionaries(st.integers(0, DIMENSIONS - 1), weight, min_size=2, max_size=8))
def test_every_broken_invariant_is_refused(damage, weights: Row) -> None:
    indices = sorted(weights)
    values = [weights[index] for index in indices]
    damage(indices, values)
    with pytest.raises(InvalidVectorError):
        SparseVector(np.array(indices), np.array(values), DIMENSIONS)
    with pytest.raises(InvalidVectorError):
        SparseBatch(np.array([0, 0, len(indices)]), np.array(indices), np.array(values), DIMENSIONS)


@pytest.mark.parametrize(
    ("indices", "values", "dimensions", "told"),
    [
        ([-1], [1.0], 5, "index -1 is out of range"),
        ([2**31], [1.0], 5, "index 2147483648 is out of range"),
        ([MAX_DIMENSIONS], [1.0], MAX_DIMENSIONS, "out of range"),
        ([0.5], [1.0], 5, "dtype float64: expected whole numbers"),
        ([[0]], [1.0], 5, "one dimension"),
        ([0], [[1.0]], 5, "one dimension"),
        ([0], ["a"], 5, "expected numbers"),
        ([], [], 0, "dimensions is 0"),
        ([], [], -1, "dimensions is -1"),
        ([], [], 2**31, "dimensions is 2147483648"),
    ],
)
def test_other_broken_vectors_are_refused(
    indices: list, values: list, dimensions: int, told: str
) -> None:
    with pytest.raises(InvalidVectorError, match=told):
        SparseVector(np.array(indices), np.array(values), dimensions)


@pytest.mark.parametrize(
    ("indptr", "told"),
    [
        ([0, 1], "span"),
        ([1, 2], "span"),
        ([], "span"),
        ([0, 2, 1, 2], "decreases"),
        ([0, 3], "span"),
    ],
)
def test_broken_row_offsets_are_refused(indptr: list[int], told: str) -> None:
    with pytest.raises(InvalidVectorError, match=told):
        SparseBatch(np.array(indptr), np.array([1, 2]), np.array([1.0, 1.0]), DIMENSIONS)


def test_messages_name_the_row_of_a_batch() -> None:
    with pytest.raises(InvalidVectorError, match="row 2: term 3 follows 5"):
        SparseBatch(np.array([0, 1, 1, 3]), np.array([1, 5, 3]), np.ones(3), DIMENSIONS)
    with pytest.raises(InvalidVectorError, match=r"row 2: weight 0\.0 of term 2"):
        SparseBatch(np.array([0, 1, 1, 2]), np.array([1, 2]), np.array([1.0, 0.0]), DIMENSIONS)


def test_a_term_may_fall_from_one_row_to_the_next() -> None:
    made = SparseBatch(np.array([0, 0, 1, 1, 2, 2]), np.array([5, 3]), np.ones(2), DIMENSIONS)
    assert [each.to_dict() for each in made] == [{}, {5: 1.0}, {}, {3: 1.0}, {}]


def test_spaces_do_not_mix() -> None:
    small, large = vector({1: 1.0}, 5), vector({1: 1.0}, 6)
    for mix in (
        lambda: small.dot(large),
        lambda: SparseBatch.from_vectors([small, large]),
        lambda: SparseBatch.from_vectors([small], 6),
        lambda: SparseBatch.concat([SparseBatch.empty(5), SparseBatch.empty(6)]),
        lambda: SparseBatch.empty(5).dot(SparseBatch.empty(6)),
    ):
        with pytest.raises(InvalidVectorError, match=r"5|6"):
            mix()


def test_nothing_needs_a_space() -> None:
    assert len(SparseBatch.from_vectors([], 5)) == 0
    assert len(SparseBatch.empty(5, rows=3)) == 3
    assert len(SparseVector.empty(5)) == 0
    with pytest.raises(InvalidVectorError, match="dimensions="):
        SparseBatch.from_vectors([])
    with pytest.raises(InvalidVectorError, match="at least one"):
        SparseBatch.concat([])
    with pytest.raises(InvalidVectorError, match="max_active_dims is 0"):
        SparseBatch.empty(5).prune(0)


def test_scipy_duplicates_are_added_and_zeros_dropped_without_touching_the_matrix() -> None:
    matrix = csr_matrix(([1.0, 2.0, 0.0], [3, 3, 1], [0, 3]), shape=(1, 5))
    assert SparseBatch.from_scipy(matrix)[0].to_dict() == {3: 1 + 2}
    assert matrix.nnz == 3
    with pytest.raises(InvalidVectorError, match="weight -1"):
        SparseBatch.from_scipy(csr_matrix(np.array([[0.0, -1.0]])))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"id": ""}, "non-empty"),
        ({"id": 7}, "7"),
        ({"id": "a\ud800"}, "lone surrogate"),
        ({"text": None}, "NoneType"),
        ({"text": b"text"}, "bytes"),
        ({"text": "a\udfff"}, "lone surrogate at character 1"),
        ({"metadata": [1]}, "expected a mapping"),
    ],
)
def test_bad_documents_are_refused(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidDocumentError, match=told):
        Document(**{"id": "a", "text": "text", **arguments})  # type: ignore[arg-type]


def test_reports_add_up() -> None:
    failed = FailedBatch(("a",), RuntimeError("no"))
    total = IngestReport(2, 1, (), 0.5, 1.0) + IngestReport(3, 0, (failed,), 0.25, 2.0)
    assert total == IngestReport(2 + 3, 1 + 0, (failed,), 0.5 + 0.25, 1.0 + 2.0)


def test_reports_name_the_first_repeated_ids() -> None:
    one = IngestReport(duplicates=3, duplicate_ids=("a", "b"))
    total = one + IngestReport(duplicates=20, duplicate_ids=("b", *"cdefghijkl"))
    assert (total.duplicates, total.duplicate_ids) == (23, tuple("abcdefghij"))


def test_failed_documents_can_be_made_an_error() -> None:
    IngestReport(stored=2, skipped=1).raise_for_failed()
    cause = RuntimeError("disk full")
    report = IngestReport(stored=2, skipped=1, failed=(FailedBatch(("a", "b"), cause),))
    # 2 failed, 2 stored, 1 was there already.
    with pytest.raises(EngineError, match=r"2 of 5 documents.*'a': disk full") as caught:
        report.raise_for_failed()
    assert caught.value.__cause__ is cause


class TestDense:
    def test_documents_with_dense_vectors_can_be_compared(self) -> None:
        row = np.array([1.0, 2.0])
        assert Document("a", "t", dense=row) == Document("a", "t", dense=row.copy())
        assert Document("a", "t", dense=row) != Document("a", "t", dense=row + 1)
        assert Document("a", "t", dense=row) != Document("a", "t")
        assert Document("a", "t") != "a"
        with pytest.raises(TypeError, match="unhashable"):
            hash(Document("a", "t"))

    def test_they_are_float32_and_cannot_be_written_to(self) -> None:
        dense = Document("a", "t", dense=[1, 2]).dense  # type: ignore[arg-type]
        assert dense is not None
        assert dense.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            dense[0] = 3

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ([], r"shape is \(0,\)"),
            ([[1.0]], r"shape is \(1, 1\)"),
            (["x"], "dtype is <U1, expected numbers"),
            ([[1.0], [1.0, 2.0]], "expected an array of numbers"),
            ([1.0, float("nan")], "coordinate 1 is nan"),
            ([1e39], "coordinate 0 is inf"),
        ],
    )
    def test_what_is_no_vector_is_refused(self, given: Any, told: str) -> None:
        with pytest.raises(InvalidVectorError, match=rf"dense vector of document 'a'.*{told}"):
            Document("a", "t", dense=given)
