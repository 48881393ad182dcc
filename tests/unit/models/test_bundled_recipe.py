from __future__ import annotations

from pathlib import Path

import pytest

from splade_sdk.models.default import default_model_path

RECIPE = Path(__file__).parents[3] / "recipes" / "bundled"


def test_the_card_that_ships_is_the_recipes() -> None:
    shipped = (default_model_path() / "README.md").read_text(encoding="utf-8")
    assert shipped == (RECIPE / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["train", "refined", "settled"])
def test_its_settings_are_valid(name: str) -> None:
    pytest.importorskip("yaml")
    from splade_sdk.training import load_config

    config = load_config(RECIPE / f"{name}.yaml")

    assert config.model.max_document_tokens == 128
    assert config.output_dir.parent == RECIPE / ".." / ".." / "runs" / "bundled"
