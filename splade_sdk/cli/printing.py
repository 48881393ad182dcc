"""The only way to stdout and stderr: data that is printed cannot steer the terminal.

Texts, ids and metadata of documents may hold escape sequences that set the window's title, clear
the screen or write to the clipboard, and bidirectional controls that reorder a line. ``show``,
``say`` and ``console`` replace such characters by U+FFFD; ``print_json`` escapes them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType
    from rich.segment import Segment

__all__ = ["console", "degrade_output", "print_json", "printable", "say", "show"]

# C0 except tab and line feed, DEL, C1; bidirectional controls; separators of lines and
# paragraphs; lone surrogates; interlinear annotations.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """Return a text of the same length without characters that a terminal acts upon."""
    return _UNSAFE.sub("\ufffd", text)


def show(text: object) -> None:
    """Print a line on stdout."""
    print(printable(str(text)))


def say(text: object, *, label: str = "") -> None:
    """Print a line on stderr.

    Args:
        text: The line.
        label: What stands before it, in red.
    """
    head = f"{typer.style(label, fg='red', bold=True)} " if label else ""
    typer.echo(head + printable(str(text)), err=True)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON on stdout, in UTF-8 whatever the encoding of the terminal."""
    _reconfigure(sys.stdout, encoding="utf-8")
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    print(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def console() -> Console:
    """Return a console of rich on stdout, which prints only safe characters."""
    from rich.console import Console, RenderHook

    class SafeHook(RenderHook):
        def process_renderables(
            self, renderables: list[ConsoleRenderable]
        ) -> list[ConsoleRenderable]:
            return [_Safe(each) for each in renderables]

    made = Console(highlight=False)
    made.push_render_hook(SafeHook())
    return made


def degrade_output() -> None:
    """Let stdout and stderr replace characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) == "strict":
            _reconfigure(stream, errors="replace")


def _reconfigure(stream: IO[str], **given: str) -> None:
    reconfigure = getattr(stream, "reconfigure", None)  # what a test puts there may have none
    if reconfigure is not None:
        reconfigure(**{"errors": "replace", **given})


class _Safe:
    """Renders as another renderable does, with safe characters; rich's own controls are kept."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, out: Console, options: ConsoleOptions) -> Iterable[Segment]:
        for segment in out.render(self._renderable, options):
            safe = segment.control is not None
            yield segment if safe else segment._replace(text=printable(segment.text))
