"""Haystack's stores of ours, over the engines there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.fakes import WordEncoder

MakeStore = Callable[..., Any]


@pytest.fixture
def make_store(place: dict[str, Any], collection_name: str) -> Iterator[MakeStore]:
    """Make a SpladeDocumentStore of the test's collection; closed after it."""
    from haystack.utils import Secret

    from splade_integrations.haystack import SpladeDocumentStore

    made: list[SpladeDocumentStore] = []
    with_key = {"api_key": Secret.from_env_var("QDRANT_API_KEY")}

    def make(**options: Any) -> SpladeDocumentStore:
        given = with_key if "url" in place and os.environ.get("QDRANT_API_KEY") else {}
        store = SpladeDocumentStore(
            collection=collection_name,
            **{**place, "model": WordEncoder(), **given, **options},
        )
        made.append(store)
        return store

    yield make
    for each in made:
        each.close()


@pytest.fixture
def document_store(make_store: MakeStore) -> Any:
    return make_store()
