"""Says in the report whether the integrations ran over a server, and why not."""

from __future__ import annotations

import pytest


@pytest.mark.server
def test_a_server_was_among_the_engines(qdrant_server_url: str) -> None:
    assert qdrant_server_url.startswith("http")
