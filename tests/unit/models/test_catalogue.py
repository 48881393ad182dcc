"""The catalogue of known models."""

from __future__ import annotations

import json

import pytest

from splade_sdk.cli.main import run
from splade_sdk.models.catalogue import KNOWN_MODELS


def test_names_come_once_and_look_like_the_hub() -> None:
    names = [model.name for model in KNOWN_MODELS]
    assert len(set(names)) == len(names)
    assert names[0] == "(the default)"
    assert all(name.count("/") == 1 for name in names[1:])


def test_non_commercial_licences_are_said_to_be() -> None:
    assert {model.licence: model.commercial_use for model in KNOWN_MODELS} == {
        "CC-BY-NC-SA-4.0": False,
        "Apache-2.0": True,
    }


def test_the_command_lists_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit, match="0"):
        run(["models", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == [model.name for model in KNOWN_MODELS]

    with pytest.raises(SystemExit, match="0"):
        run(["models"])
    assert "splade-v3-lexical" in capsys.readouterr().out
