"""Writes the reference of the command line from its own help: ``python docs/generate/cli.py``."""

from __future__ import annotations

import re
from inspect import getdoc
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from splade_sdk.cli.main import app

TARGET = Path(__file__).parents[1] / "reference" / "cli.md"
_INTRODUCTION = """# Command line

This page is what `splade --help` and `splade COMMAND --help` say.

"""
_COMMANDS = re.compile(r"(?<=\*\*Commands\*\*:\n\n)(\* .*\n)+")


def cli_reference() -> str:
    """Return the page in Markdown."""
    command = typer.main.get_command(app)
    with typer.Context(command, info_name="splade") as context:
        text = get_docs_for_click(obj=command, ctx=context, name="splade", indent=1)
    return _INTRODUCTION + _COMMANDS.sub(_listed(), text).rstrip() + "\n"


def _listed() -> str:
    """Return the list of commands, with the whole first sentence of each."""
    named = [(each.name, each.callback) for each in app.registered_commands]
    return "".join(
        f"* [`splade {name}`](#splade-{name}): {getdoc(callback).splitlines()[0]}\n"
        for name, callback in named
    )


if __name__ == "__main__":
    TARGET.write_text(cli_reference(), encoding="utf-8")
