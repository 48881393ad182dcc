"""The engines that integrations run over: embedded, a fake server, and a true one if there is."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient

from splade_sdk.retrieval.async_retriever import AsyncRetriever
from splade_sdk.retrieval.retriever import Retriever
from tests.containers import why_no_server
from tests.contracts.fake_server import FakeServer
from tests.unit.fakes import WordEncoder

# What frameworks would send home, or trace.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["LANGSMITH_TRACING"] = "false"

MakeRetriever = Callable[..., Any]
SERVERS = [pytest.param("fake-server")]
if why_no_server(os.environ) is None:  # else one test is skipped, and says why
    SERVERS.append(pytest.param("server", marks=pytest.mark.server))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run asynchronous tests; each framework's standard tests want a plugin of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def fake_server() -> Iterator[FakeServer]:
    """Qdrant's REST front over qdrant-client's local mode."""
    server = FakeServer()
    yield server
    server.close()


def url_of(request: pytest.FixtureRequest) -> str | None:
    """Return the address of the server that a fixture's parameter names; None for none."""
    if request.param == "embedded":
        return None
    if request.param == "fake-server":
        fake: FakeServer = request.getfixturevalue("fake_server")
        return fake.url
    url: str = request.getfixturevalue("qdrant_server_url")
    return url


@pytest.fixture(params=["embedded", *SERVERS])
def server_url(request: pytest.FixtureRequest) -> str | None:
    """The address of a server, or None for an engine in this process."""
    return url_of(request)


@pytest.fixture
def place(server_url: str | None) -> Iterator[dict[str, Any]]:
    """Where a Retriever finds its collection: arguments of its constructor."""
    if server_url is not None:
        yield {"url": server_url}
        return
    pytest.importorskip("qdrant_edge")
    # In memory where that can be: the engine syncs the disk.
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield {"path": str(Path(folder) / "index")}


@pytest.fixture
def collection_name(server_url: str | None) -> Iterator[str]:
    """The name of a collection that the test may make; removed after it."""
    name = f"splade_integrations_{uuid4().hex[:12]}"
    yield name
    if server_url is not None:
        with closing(_client(server_url)) as client:
            client.delete_collection(name)


@pytest.fixture
def make_retriever(place: dict[str, Any], collection_name: str) -> Iterator[MakeRetriever]:
    """Make the retriever of the test's collection; closed after it."""
    made: list[Retriever] = []

    def make(encoder: Any = None, **options: Any) -> Retriever:
        retriever = Retriever(
            **place,
            collection=collection_name,
            encoder=encoder or WordEncoder(),
            api_key=os.environ.get("QDRANT_API_KEY") if "url" in place else None,
            **options,
        )
        made.append(retriever)
        return retriever

    yield make
    for each in made:
        each.close()


@pytest.fixture
def make_async_retriever(place: dict[str, Any], collection_name: str) -> Iterator[MakeRetriever]:
    """Make the AsyncRetriever of the test's collection; closed after it."""
    made: list[AsyncRetriever] = []

    def make(encoder: Any = None, **options: Any) -> AsyncRetriever:
        key = os.environ.get("QDRANT_API_KEY") if "url" in place else None
        options = {"encoder": encoder or WordEncoder(), "api_key": key, **options}
        made.append(AsyncRetriever(**place, collection=collection_name, **options))
        return made[-1]

    yield make
    for each in made:
        asyncio.run(each.close())


@pytest.fixture
def qdrant_client(server_url: str | None) -> Iterator[QdrantClient]:
    """qdrant-client, as the stores of frameworks use it: in memory, or of the server."""
    with closing(_client(server_url) if server_url else QdrantClient(":memory:")) as client:
        yield client


def _client(url: str) -> QdrantClient:
    return QdrantClient(url, api_key=os.environ.get("QDRANT_API_KEY"), check_compatibility=False)
