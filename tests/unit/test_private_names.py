"""Names of other packages that are not public, and what this package relies on them for.

A release that changes one fails here first, by name.
"""

from __future__ import annotations

import pytest
from qdrant_client import models
from qdrant_client.local.local_collection import LocalCollection
from qdrant_client.local.payload_filters import check_filter

from splade_sdk.errors import ConfigError
from splade_sdk.settings import Settings

PAYLOAD = {"doc_id": "a", "metadata": {"year": 2024, "author": {"name": "x"}}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (True, PAYLOAD),
        (False, None),
        (["doc_id"], {"doc_id": "a"}),
        (["metadata.author.name"], {"metadata": {"author": {"name": "x"}}}),
        (["missing"], {}),
    ],
)
def test_qdrant_client_takes_payloads_apart(fields: object, expected: object) -> None:
    assert LocalCollection._process_payload(PAYLOAD, fields) == expected  # type: ignore[arg-type]


def test_qdrant_client_checks_filters() -> None:
    year = models.FieldCondition(key="metadata.year", match=models.MatchValue(value=2024))
    dense = models.HasVectorCondition(has_vector="dense")
    for condition, meets in ((year, True), (dense, False)):
        given = models.Filter(must=[condition])
        assert check_filter(given, PAYLOAD, "id", {"dense": False}) is meets


def test_pydantic_collects_the_errors_of_settings_within_settings() -> None:
    # Without __pydantic_base_init__ it would call the inner __init__, whose error ends it all.
    class Inner(Settings):
        size: int

    class Outer(Settings):
        one: Inner
        two: Inner

    with pytest.raises(ConfigError, match=r"one\.size.*two\.size"):
        Outer(one={"size": "x"}, two={"size": "y"})  # type: ignore[arg-type]
