from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import QdrantClient

from splade_sdk.errors import EngineConnectionError
from splade_sdk.qdrant.retrying_client import IDEMPOTENT, retrying_client
from splade_sdk.retry import RetryPolicy, RetrySettings


class Flaky:
    """Every method fails the first time."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) == 1:
                raise ConnectionResetError("key s3cret, reset")
            return args, kwargs

        return method


def test_idempotent_calls_are_tried_again() -> None:
    flaky: Any = Flaky()
    policy = RetryPolicy(RetrySettings(first_wait_s=0))
    client = retrying_client(flaky, policy, "cannot count", "s3cret")
    assert client.count("docs", exact=True) == (("docs",), {"exact": True})
    assert flaky.calls == ["count", "count"]


def test_other_calls_are_tried_once() -> None:
    flaky: Any = Flaky()
    client = retrying_client(flaky, RetryPolicy(RetrySettings()), "cannot snapshot")
    with pytest.raises(EngineConnectionError, match="cannot snapshot: "):
        client.create_snapshot("docs")
    assert flaky.calls == ["create_snapshot"]


def test_the_last_error_is_ours_and_has_no_key() -> None:
    flaky: Any = Flaky()
    policy = RetryPolicy(RetrySettings(attempts=1))
    with pytest.raises(EngineConnectionError, match=r"cannot count: key \*\*\*, reset"):
        retrying_client(flaky, policy, "cannot count", "s3cret").count("docs")


def test_every_name_is_a_method_of_the_client() -> None:
    assert {name for name in IDEMPOTENT if not callable(getattr(QdrantClient, name, None))} == set()
