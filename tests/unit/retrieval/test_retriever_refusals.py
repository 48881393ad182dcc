from __future__ import annotations

from collections.abc import Iterator

import pytest
from qdrant_client import models

from splade_sdk import Document, Retriever
from splade_sdk.errors import InvalidFilterError, InvalidInputError
from tests.unit.fakes import WordEncoder


@pytest.fixture
def retriever() -> Iterator[Retriever]:
    with Retriever(":memory:", encoder=WordEncoder()) as made:
        made.upsert([Document("a", "one"), Document("b", "two")])
        yield made


@pytest.mark.parametrize("given", [{}, {"must": []}, {"should": []}, {"must_not": []}])
def test_a_filter_without_conditions_deletes_nothing(
    retriever: Retriever, given: dict[str, list[models.Condition]]
) -> None:
    with pytest.raises(InvalidFilterError, match="delete every document"):
        retriever.delete(filter=models.Filter(**given))
    assert retriever.count() == 2


@pytest.mark.parametrize("size", [0, -1, "3", True])
def test_pages_of_no_documents_are_refused(retriever: Retriever, size: int) -> None:
    with pytest.raises(InvalidInputError, match="batch_size"):
        retriever.documents(batch_size=size)
