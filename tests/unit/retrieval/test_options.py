"""The options of a search: one list of fields, shown and taken by every verb."""

from __future__ import annotations

import inspect
from contextlib import closing
from typing import Any

import pytest

from splade_sdk import AsyncRetriever, Document, Retriever, SearchOptions
from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.retrieval.search.json_options import JsonSearchOptions
from splade_sdk.retrieval.search.options import GroupKeywords, SearchKeywords
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import LetterEncoder, WordEncoder

FIELDS = set(SearchOptions.model_fields)
VERBS = ["search", "search_batch", "explain", "recommend", "search_groups"]


def test_the_keywords_are_the_fields() -> None:
    assert set(SearchKeywords.__annotations__) == FIELDS
    assert set(GroupKeywords.__annotations__) == FIELDS - {"offset"}


def test_json_has_the_fields_that_it_can_express() -> None:
    in_json = set(JsonSearchOptions.model_fields)
    assert in_json <= FIELDS
    assert FIELDS - in_json == {"with_payload", "with_vectors"}


@pytest.mark.parametrize("kind", [Retriever, AsyncRetriever])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_every_option_with_its_default(kind: type, verb: str) -> None:
    shown = inspect.signature(getattr(kind, verb)).parameters
    taken = FIELDS - {"offset"} if verb == "search_groups" else FIELDS
    assert taken <= set(shown)
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in shown.values())
    defaults = SearchOptions()
    for name in taken:
        assert shown[name].default == getattr(defaults, name)


def test_a_wrong_name_is_refused_with_the_nearest() -> None:
    with Retriever(":memory:", encoder=WordEncoder()) as retriever:
        with pytest.raises(InvalidTypeError, match=r"'limits'\. Did you mean 'limit'"):
            retriever.search("a", limits=3)  # type: ignore[call-overload]
        with pytest.raises(InvalidTypeError, match="'offset'"):
            retriever.search_groups("a", group_by="b", offset=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="no key 'limits': did you mean 'limit'"):
        SearchOptions(limits=3)  # type: ignore[call-arg]


def test_a_string_gives_hits_and_a_list_gives_a_list_of_them() -> None:
    with Retriever(":memory:", encoder=WordEncoder(), dense_encoder=LetterEncoder()) as retriever:
        retriever.upsert([Document("a", "one two"), Document("b", "two three")])
        for options in ({}, {"mode": "sparse"}, {"limit": 1}):
            given: Any = options
            alone = [retriever.search(each, **given) for each in ("one", "three")]
            assert retriever.search(["one", "three"], **given) == alone
            assert retriever.search_batch(("one", "three"), **given) == alone
        assert retriever.search([]) == []


@pytest.mark.parametrize(
    ("options", "requests"),
    [({"mode": "sparse"}, 1), ({"mode": "dense"}, 1), ({"mode": "hybrid"}, 2), ({}, 2)],
)
@pytest.mark.parametrize("queries", ["common", ["common", "common word"]])
def test_a_search_takes_few_requests_ties_included(
    options: Any, requests: int, queries: Any
) -> None:
    with (
        closing(FakeServer()) as server,
        Retriever(server.url, encoder=WordEncoder(), dense_encoder=LetterEncoder()) as retriever,
    ):
        # Equal texts tie in both legs; what settles that comes with the hits.
        retriever.upsert(Document(f"d{n:02}", "common word") for n in range(30))
        server.asked.clear()
        hits = retriever.search(queries, limit=30, **options)
        pages = [hits] if isinstance(queries, str) else hits
        for page in pages:
            assert [hit.id for hit in page] == [f"d{n:02}" for n in range(30)]  # type: ignore[union-attr]
        assert len(server.asked) == requests, server.asked
