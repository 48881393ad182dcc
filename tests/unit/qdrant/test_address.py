from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from splade_sdk.errors import ConfigError, InvalidTypeError
from splade_sdk.qdrant.address import Address
from splade_sdk.retry import DEFAULT_RETRY


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give exactly one"),
        ({"url": "http://h", "path": "p"}, "give exactly one"),
        ({"url": "localhost:6333"}, "expected http"),
        ({"url": "./index"}, "for a folder pass path="),
        ({"url": ":memory:", "collection": "a/b"}, "collection is 'a/b'"),
    ],
)
def test_bad_places(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Address(**{"collection": "docs", **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": Path("index")}, "for a folder pass path="),
        ({"path": 3}, "expected the path of a folder"),
        ({"path": "p", "timeout_s": "3"}, "expected seconds"),
        ({"path": "p", "retry": {"attempts": 3}}, r"expected RetrySettings\(\*\*retry\) or None"),
    ],
)
def test_wrong_types(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTypeError, match=message):
        Address(**{"collection": "docs", **given})


def test_a_timeout_is_above_zero() -> None:
    with pytest.raises(ConfigError, match="timeout_s is 0"):
        Address(path="p", collection="docs", timeout_s=0)


def test_a_home_folder_is_expanded_and_all_is_kept() -> None:
    where = Address(path="~/index", collection="docs")
    assert where.folder == Path.home() / "index"
    assert (where.url, where.on_server, where.retry) == (None, False, DEFAULT_RETRY)
    assert str(where) == f"collection 'docs' at {Path.home() / 'index'}"
    with pytest.raises(FrozenInstanceError):
        where.collection = "other"  # type: ignore[misc]


def test_secrets_are_not_shown() -> None:
    where = Address(url="https://me:hush@example.org", collection="docs", api_key="s3cret")
    assert where.on_server
    assert not Address(url=":memory:", collection="docs").on_server
    assert repr(where) == "Address('https://example.org', collection='docs')"
    assert str(where) == "collection 'docs' at https://example.org"
