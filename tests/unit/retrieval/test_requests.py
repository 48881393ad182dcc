from __future__ import annotations

import math

import pytest

from splade_sdk.errors import InvalidInputError, InvalidTypeError
from splade_sdk.retrieval.retriever import _ids
from splade_sdk.retrieval.search.options import SearchOptions
from splade_sdk.retrieval.search.query import require_queries
from splade_sdk.types import SparseBatch, SparseVector


def test_queries_are_texts_or_vectors() -> None:
    vector = SparseVector.empty(8)
    assert require_queries(("a", vector)) == ["a", vector]


@pytest.mark.parametrize("given", ["text", b"text", None, 3, SparseVector.empty(8)])
def test_a_single_query_is_no_list_of_queries(given: object) -> None:
    with pytest.raises(InvalidTypeError, match=r"queries is .*search\(\) takes a single one"):
        require_queries(given)


def test_a_wrong_query_is_named_by_its_position() -> None:
    with pytest.raises(InvalidTypeError, match=r"queries\[1\] is NoneType: expected a string"):
        require_queries(["a", None])
    for several in (["a"], ("a",), SparseBatch.empty(8)):
        with pytest.raises(InvalidTypeError, match=r"queries\[0\] is .* search_batch\(\) a list"):
            require_queries([several])
    with pytest.raises(InvalidInputError, match=r"queries\[0\] has a lone surrogate"):
        require_queries(["\ud800"])


@pytest.mark.parametrize(
    ("limit", "offset", "threshold", "kind", "told"),
    [
        (0, 0, None, InvalidInputError, "limit is 0: expected 1 or more"),
        (-3, 0, None, InvalidInputError, "limit is -3"),
        (1, -1, None, InvalidInputError, "offset is -1: expected 0 or more"),
        (1.5, 0, None, InvalidTypeError, r"limit is 1\.5 \(float\)"),
        (True, 0, None, InvalidTypeError, "limit is True"),
        ("10", 0, None, InvalidTypeError, r"limit is '10' \(str\)"),
        (1, 0, math.nan, InvalidInputError, "score_threshold is nan"),
        (1, 0, "2", InvalidTypeError, "score_threshold is str"),
    ],
)
def test_pages_out_of_range_are_refused(
    limit: object, offset: object, threshold: object, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told):
        SearchOptions(limit=limit, offset=offset, score_threshold=threshold)  # type: ignore[arg-type]


def test_pages_in_range_pass() -> None:
    SearchOptions(limit=1, offset=0, score_threshold=None)
    SearchOptions(limit=100, offset=20, score_threshold=-1.5)


def test_ids_are_strings() -> None:
    assert _ids(["a", "b"]) == ["a", "b"]
    with pytest.raises(InvalidTypeError, match=r"ids\[1\] is 7 \(int\): .* as in '7'"):
        _ids(["a", 7])
    with pytest.raises(InvalidTypeError, match="ids is NoneType"):
        _ids(None)
