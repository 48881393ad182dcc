"""Pages that repeat what the code says are in step with it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import splade_sdk
from splade_sdk import errors
from splade_sdk.cli.main import app

DOCS = Path(__file__).parents[2] / "docs"


def test_cli_reference_is_the_help() -> None:
    script = runpy.run_path(str(DOCS / "generate" / "cli.py"))
    committed = script["TARGET"].read_text(encoding="utf-8")
    assert committed == script["cli_reference"](), "run python docs/generate/cli.py"


def test_every_command_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"### `splade {command.name}`" in text


def test_models_page_has_the_catalogue() -> None:
    script = runpy.run_path(str(DOCS / "generate" / "models.py"))
    assert script["models_table"]() in (DOCS / "models.md").read_text(encoding="utf-8"), (
        "put the output of python docs/generate/models.py into docs/models.md"
    )


def test_reference_names_the_public_api() -> None:
    pages = "\n".join(
        page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md")
    )
    missing = [
        name for name in splade_sdk.__all__ if f"::: splade_sdk.{name}\n" not in f"{pages}\n"
    ]
    assert not missing


def test_troubleshooting_knows_every_error() -> None:
    text = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    bases = {"SpladeError", "InvalidInputError", "ModelError", "EngineError"}
    missing = [name for name in errors.__all__ if name not in bases and name not in text]
    assert not missing


def test_troubleshooting_quotes_the_code() -> None:
    text = (DOCS / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    root = Path(splade_sdk.__file__).parent
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py")))
    code = re.sub(r"""["']\s*\n\s*f?["']""", "", code)  # literals that go on in the next line
    quoted = [
        part.strip()
        for heading in re.findall(r"^\*\*.*$", text, flags=re.MULTILINE)
        for message in re.findall(r"^\*\*`([^`]+)`", heading)
        for part in message.split("...")
        if part.strip()
    ]
    assert len(quoted) > 8
    assert [part for part in quoted if part not in code] == []
