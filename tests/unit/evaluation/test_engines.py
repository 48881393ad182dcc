from math import log

import pytest

from splade_sdk.errors import EngineError, RequestRejectedError
from splade_sdk.evaluation.engines import ExactEngine, RetrieverEngine
from splade_sdk.types import FailedBatch, IngestReport, SparseBatch, SparseVector


def vector(weights: dict[int, float]) -> SparseVector:
    return SparseVector.from_dict(weights, 2**31 - 1)


def filled(*, idf: bool) -> ExactEngine:
    engine = ExactEngine(idf=idf)
    engine.add(["b", "a"], SparseBatch.from_vectors([vector({1: 1.0}), vector({1: 1.0, 7: 2.0})]))
    engine.add(["c"], SparseBatch.from_vectors([vector({9: 1.0})]))
    return engine


def test_scores_are_inner_products_and_ties_are_ordered_by_id() -> None:
    query = vector({1: 3.0, 7: 0.5, 8: 9.0})
    assert filled(idf=False).search(query, 10) == [("a", 3 * 1 + 0.5 * 2), ("b", 3.0)]
    assert filled(idf=False).search(vector({1: 1.0}), 1) == [("a", 1.0)]


def test_idf_weighs_query_terms() -> None:
    # n = 3; term 1 is in 2 documents, term 7 in 1
    common, rare = log((3 - 2 + 0.5) / (2 + 0.5) + 1), log((3 - 1 + 0.5) / (1 + 0.5) + 1)
    assert filled(idf=True).search(vector({1: 1.0, 7: 1.0}), 10) == [
        ("a", pytest.approx(common + 2 * rare)),
        ("b", pytest.approx(common)),
    ]


def test_nothing_is_found_where_nothing_is_shared() -> None:
    assert filled(idf=False).search(vector({}), 10) == []
    assert filled(idf=False).search(vector({5: 1.0}), 10) == []
    assert ExactEngine(idf=False).search(vector({5: 1.0}), 10) == []


def test_documents_that_are_not_stored_stop_the_evaluation() -> None:
    class Refusing:
        def upsert(self, documents: object, **_: object) -> IngestReport:
            return IngestReport(failed=(FailedBatch(("a",), RequestRejectedError("too large")),))

    engine = RetrieverEngine(Refusing())  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="1 of 2 documents could not be stored: too large"):
        engine.add(["a", "b"], SparseBatch.from_vectors([vector({1: 1.0}), vector({})]))
