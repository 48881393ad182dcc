"""The engines that the contract suite runs over, each as a way to open a collection by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from splade_sdk.config import CollectionSettings, DenseFingerprint, Fingerprint
from splade_sdk.qdrant.address import Address
from splade_sdk.qdrant.base import Collection
from splade_sdk.qdrant.memory import MemoryCollection
from splade_sdk.qdrant.tenant import TenantCollection
from tests.containers import why_no_server
from tests.contracts.fake_server import FakeServer

Opener = Callable[..., Any]

DIMENSIONS = 64


def fingerprint(**changes: Any) -> Fingerprint:
    given = {
        "kind": "other",
        "model": "contract-model",
        "revision": "r1",
        "vocabulary_sha256": "v1",
        "dimensions": DIMENSIONS,
    }
    return Fingerprint(**{**given, **changes})


DENSE = DenseFingerprint(model="contract-dense", dimensions=4, probe=(0.5, -0.5, 0.5, -0.5))


def _memory(_: Path) -> Opener:
    return lambda _name, encoder, settings=None, dense=None, **_kw: MemoryCollection(
        encoder, settings, dense
    )


def _embedded(folder: Path) -> Opener:
    from splade_sdk.qdrant.embedded import EmbeddedCollection

    return lambda name, encoder, settings=None, **kw: EmbeddedCollection.open(
        folder, name=name, fingerprint=encoder, settings=settings, **kw
    )


def _temporary(_: Path) -> Opener:
    from splade_sdk.qdrant.embedded import EmbeddedCollection

    return lambda _name, encoder, settings=None, dense=None, **_kw: EmbeddedCollection.temporary(
        fingerprint=encoder, settings=settings, dense=dense
    )


def _tenant(folder: Path) -> Opener:
    embedded = _embedded(folder)

    def opener(name: str, *given: Any, **kw: Any) -> TenantCollection:
        return TenantCollection(embedded(name, *given, **kw), "one")

    return opener


def _local(folder: Path) -> Opener:
    from splade_sdk.qdrant.server import ServerCollection

    return lambda name, encoder, settings=None, **kw: ServerCollection.open(
        Address(path=folder, collection=name), fingerprint=encoder, settings=settings, **kw
    )


def _local_memory(_: Path) -> Opener:
    from splade_sdk.qdrant.server import ServerCollection

    return lambda name, encoder, settings=None, **kw: ServerCollection.open(
        Address(url=":memory:", collection=name), fingerprint=encoder, settings=settings, **kw
    )


def _rest(_: Path) -> Opener:
    from splade_sdk.qdrant.server import ServerCollection

    server = FakeServer()

    def opener(name: str, encoder: Fingerprint, settings: Any = None, **kw: Any) -> Any:
        return ServerCollection.open(
            Address(url=server.url, collection=name), fingerprint=encoder, settings=settings, **kw
        )

    opener.stop = server.close  # type: ignore[attr-defined]
    return opener


def _server(url: str) -> Opener:
    from splade_sdk.qdrant.server import ServerCollection

    run = uuid4().hex[:8]
    return lambda name, encoder, settings=None, **kw: ServerCollection.open(
        Address(
            url=url,
            api_key=os.environ.get("QDRANT_API_KEY"),
            collection=f"splade_contract_{run}_{name}",
        ),
        fingerprint=encoder,
        settings=settings,
        **kw,
    )


PERSISTENT = [
    pytest.param(_embedded, id="embedded"),
    pytest.param(_tenant, id="tenant"),
    pytest.param(_local, id="local-path"),
    pytest.param(_rest, id="fake-server"),
]
if why_no_server(os.environ) is None:
    PERSISTENT.append(pytest.param(_server, id="server", marks=pytest.mark.server))
ENGINES = [
    pytest.param(_memory, id="memory"),
    pytest.param(_temporary, id="embedded-temporary"),
    pytest.param(_local_memory, id="local-memory"),
    *PERSISTENT,
]


class Engine:
    """Opens collections of one engine, and closes and removes them after the test."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._opened: list[Any] = []

    def open(
        self,
        name: str = "docs",
        encoder: Fingerprint | None = None,
        settings: CollectionSettings | None = None,
        **kw: Any,
    ) -> Collection:
        made: Collection = self._opener(name, encoder or fingerprint(), settings, **kw)
        self._opened.append(made)
        return made

    def clean(self) -> None:
        for each in self._opened:
            each.close()
        getattr(self._opener, "stop", lambda: None)()


def _engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param is _server:
        url = request.getfixturevalue("qdrant_server_url")
        engine = Engine(_server(url))
        yield engine
        engine.clean()
        _drop_collections(url)
        return
    # In memory where that can be: local mode syncs the disk for every single point.
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        engine = Engine(request.param(Path(folder) / "index"))
        yield engine
        engine.clean()


def _drop_collections(url: str) -> None:
    from qdrant_client import QdrantClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = QdrantClient(
            url, api_key=os.environ.get("QDRANT_API_KEY"), check_compatibility=False
        )
    for each in client.get_collections().collections:
        if each.name.startswith("splade_contract_"):
            client.delete_collection(each.name)
    client.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield from _engine(request)


@pytest.fixture(scope="module", params=ENGINES)
def shared_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One engine for many tests that only read."""
    yield from _engine(request)


@pytest.fixture(params=PERSISTENT)
def persistent(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield from _engine(request)


@pytest.fixture
def collection(engine: Engine) -> Collection:
    return engine.open()
