from __future__ import annotations

from collections.abc import Iterator

import pytest

from splade_sdk.config import Fingerprint
from tests.contracts.fake_server import FakeServer


@pytest.fixture
def fingerprint() -> Fingerprint:
    return Fingerprint(kind="other", model="m", revision="r", vocabulary_sha256="v", dimensions=64)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()
