"""Two tenants in one collection: neither sees, changes or deletes what the other stored."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splade_sdk import AsyncRetriever, Document, Retriever
from splade_sdk.errors import (
    ConfigError,
    DocumentNotFoundError,
    InvalidInputError,
    InvalidTypeError,
)
from splade_sdk.qdrant.tenant import TENANT
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import LetterEncoder, WordEncoder

IDS = ["a", "b", "c"]


@pytest.fixture(params=["embedded", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    if request.param == "embedded":
        yield {"path": tmp_path}
        return
    server = FakeServer()
    yield {"url": server.url, "retry": None}
    server.close()


def opened(where: dict[str, Any], tenant: str | None) -> Retriever:
    return Retriever(encoder=WordEncoder(), dense_encoder=LetterEncoder(), tenant=tenant, **where)


def documents(tenant: str) -> list[Document]:
    """Documents of the same ids for each tenant, and one of its own."""
    return [
        Document(each, f"common {each} secret-of-{tenant}", {"owner": tenant, "same": "same"})
        for each in [*IDS, f"own-{tenant}"]
    ]


def fill(where: dict[str, Any]) -> None:
    for tenant in ("acme", "globex"):
        with opened(where, tenant) as retriever:
            retriever.upsert(documents(tenant))


def content(where: dict[str, Any], tenant: str | None) -> dict[str, Any]:
    with opened(where, tenant) as retriever:
        return {each.id: each for each in retriever.documents(with_vectors=True)}


# How each method is tried by acme, and what it may give: nothing of globex.
TRIED: dict[str, Callable[[Retriever], Any]] = {
    "search": lambda r: [
        r.search("common secret-of-globex", limit=50, mode=mode)
        for mode in ("sparse", "dense", "hybrid")
    ],
    "search_batch": lambda r: r.search_batch(["secret-of-globex", "common"], limit=50),
    "search_groups": lambda r: r.search_groups("common", group_by="owner", limit=50),
    "recommend": lambda r: r.recommend("a", limit=50),
    "explain": lambda r: (
        r.explain("secret-of-globex", "a"),
        _refused(DocumentNotFoundError, lambda: r.explain("secret", "own-globex")),
    ),
    "get": lambda r: (r.get("a"), r.get("own-globex"), r.get([*IDS, "own-globex"])),
    "documents": lambda r: list(r.documents(filter={"same": "same"}, with_vectors=True)),
    "count": lambda r: _equal(
        (r.count(), r.count({"owner": "globex"}), r.count({"same": "same"})), (4, 0, 4)
    ),
    "upsert": lambda r: r.upsert([Document("own-globex", "common mine now")]),
    "sync": lambda r: r.sync([Document("a", "common only this")]),
    "delete": lambda r: (
        r.delete(["a", "own-globex"]),
        r.delete(filter={"owner": "globex"}),
        r.delete(filter={"same": "same"}),
    ),
    "upgrade_to_hybrid": lambda r: r.upgrade_to_hybrid(),  # hybrid already: nothing to do
    "doctor": lambda r: r.doctor(),
    "optimize": lambda r: r.optimize(),
    "close": lambda r: r.close(),
}


def _refused(kind: type[Exception], act: Callable[[], object]) -> None:
    with pytest.raises(kind):
        act()


def _equal(found: object, expected: object) -> None:
    assert found == expected


def public(kind: type) -> set[str]:
    return {
        name
        for name, each in inspect.getmembers(kind)
        if not name.startswith("_") and callable(each)
    }


def test_every_method_is_tried() -> None:
    """A new one fails here until it is tried with two tenants."""
    assert public(Retriever) == set(TRIED)
    # What is a property of the one, and is read from the engine, is a coroutine of the other.
    assert public(AsyncRetriever) - {"modes"} == set(TRIED)


@pytest.mark.parametrize("method", sorted(TRIED))
def test_nothing_of_another_tenant_is_seen_or_changed(where: dict[str, Any], method: str) -> None:
    fill(where)
    theirs = content(where, "globex")
    assert sorted(theirs) == [*IDS, "own-globex"]
    with opened(where, "acme") as retriever:
        shown = repr(TRIED[method](retriever))
    told = shown.replace("secret-of-globex'", "")  # the query itself is told by explanations
    assert "globex" not in told.replace("('secret-of-globex", "")
    assert content(where, "globex") == theirs


def test_equal_ids_are_documents_of_their_own(where: dict[str, Any]) -> None:
    fill(where)
    for tenant in ("acme", "globex"):
        with opened(where, tenant) as retriever:
            found = retriever.get("a")
            assert found is not None
            assert found.text == f"common a secret-of-{tenant}"
            assert found.metadata == {"owner": tenant, "same": "same"}  # as it was given
            again = retriever.upsert(documents(tenant))
            assert (again.stored, again.skipped) == (0, 4)
    with opened(where, None) as retriever:  # who has no tenant sees all
        assert retriever.count() == 8
        records, _ = retriever._connection.open().scroll(limit=100)
        assert sorted(each.payload[TENANT] for each in records) == ["acme"] * 4 + ["globex"] * 4


def test_the_field_has_an_index_that_keeps_tenants_together() -> None:
    server = FakeServer()
    with opened({"url": server.url, "retry": None}, "acme") as retriever:
        retriever.upsert(documents("acme"))
    assert any(b'"is_tenant":true' in body.replace(b" ", b"") for body in server.bodies)
    server.close()


def test_the_async_retriever_has_tenants_too(where: dict[str, Any]) -> None:
    fill(where)

    async def main() -> None:
        async with AsyncRetriever(
            encoder=WordEncoder(), dense_encoder=LetterEncoder(), tenant="acme", **where
        ) as retriever:
            assert await retriever.count() == 4
            assert await retriever.get("own-globex") is None
            assert {hit.metadata["owner"] for hit in await retriever.search("common")} == {"acme"}

    asyncio.run(main())


def test_a_tenant_cannot_upgrade_the_collection_of_all(where: dict[str, Any]) -> None:
    sparse = {"encoder": WordEncoder(), "dense_encoder": False, "tenant": "acme"}
    with Retriever(**sparse, **where) as retriever:
        retriever.upsert(documents("acme"))
    with opened(where, "acme") as retriever, pytest.raises(ConfigError, match="without tenant"):
        retriever.upgrade_to_hybrid()
    with opened(where, None) as retriever:
        assert retriever.upgrade_to_hybrid().upgraded == 4
    with opened(where, "acme") as retriever:
        assert len(retriever.search("common", mode="dense")) == 4


@pytest.mark.parametrize(
    ("tenant", "error"), [("", InvalidInputError), (" ", InvalidInputError), (7, InvalidTypeError)]
)
def test_what_is_no_tenant(tenant: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="tenant is"):
        opened({"url": ":memory:"}, tenant)
