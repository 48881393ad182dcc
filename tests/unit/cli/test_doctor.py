"""``splade doctor``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splade_sdk import Document, Retriever
from tests.unit.cli.conftest import TermEncoder


def test_exit_codes_and_json(splade: Callable[..., Any], tmp_path: Path) -> None:
    with Retriever(path=tmp_path, encoder=TermEncoder("words")) as retriever:
        retriever.upsert([Document("a", "fish"), Document("b", "birds")])
    healthy = splade("doctor", "--index", str(tmp_path))
    assert (healthy.code, "0 findings" in healthy.out) == (0, True)
    ill = splade("doctor", "--index", str(tmp_path), "--collection", "none", "--json")
    assert ill.code == 1
    assert json.loads(ill.out)["findings"][0]["check"] == "opening"
