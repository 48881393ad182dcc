import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from splade_sdk.evaluation.active_terms import ActiveTerms
from splade_sdk.types import SparseBatch, SparseVector

DIMENSIONS = 6


def terms_of(*rows: set[int]) -> ActiveTerms:
    counted = ActiveTerms()
    for row in rows:  # a block each
        vector = SparseVector.from_dict(dict.fromkeys(row, 0.5), DIMENSIONS)
        counted.add(SparseBatch.from_vectors([vector]))
    return counted


def test_counts_are_over_all_blocks() -> None:
    terms = terms_of({0, 1}, set(), {1})
    assert (terms.rows, terms.empty, terms.active_dims) == (3, 1, (2 + 0 + 1) / 3)


def test_flops_is_the_sum_of_products_of_activation_shares() -> None:
    queries, documents = terms_of({0, 1}, {1}), terms_of({1}, {1, 2}, set())
    # term 0: 1/2 * 0/3, term 1: 2/2 * 2/3, term 2: 0/2 * 1/3
    assert queries.flops(documents) == pytest.approx(2 / 3)
    assert documents.flops(queries) == pytest.approx(2 / 3)


def test_nothing_seen_costs_nothing() -> None:
    assert ActiveTerms().flops(terms_of({1})) == terms_of({1}).flops(ActiveTerms()) == 0.0
    assert ActiveTerms().active_dims == 0.0


ROWS = arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(DIMENSIONS)))


@given(ROWS, ROWS)
def test_flops_is_the_mean_number_of_shared_terms_of_all_pairs(
    queries: np.ndarray, documents: np.ndarray
) -> None:
    counted = []
    for rows in (queries, documents):
        terms = ActiveTerms()
        terms.add(SparseBatch.from_scipy(csr_matrix(rows.astype(np.float32))))
        counted.append(terms)
    shared = [(query & document).sum() for query in queries for document in documents]
    assert counted[0].flops(counted[1]) == pytest.approx(np.mean(shared))
