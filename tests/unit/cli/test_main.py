from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

from splade_sdk import __version__
from splade_sdk.cli import opening
from splade_sdk.errors import ModelFormatError, TruncationWarning
from tests.unit.cli.conftest import Ran

Splade = Callable[..., Ran]
COMMANDS = ("demo", "encode", "inspect", "index", "search", "explain", "compare", "serve", "eval")
RUN = "from splade_sdk.cli.main import run; run()"


def test_version(splade: Splade) -> None:
    assert splade("--version") == Ran(0, f"splade-sdk {__version__}\n", "")


def test_help_lists_every_command(splade: Splade) -> None:
    for words in (["--help"], ["-h"]):
        ran = splade(*words)
        assert ran.code == 0
        assert all(f"│ {command} " in ran.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(splade: Splade, command: str) -> None:
    ran = splade(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Examples" in ran.out
    assert f"splade {command}" in ran.out.partition("Examples")[2]


def test_help_is_fast_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from splade_sdk.cli.main import run\n"
        "try: run(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'qdrant_client', 'qdrant_edge', 'scipy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for words in (["--help"], ["search", "--help"], ["--version"]):
        ran = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        assert ran.stderr == "[]\n"


@pytest.mark.parametrize(
    "words",
    [
        ("nope",),
        ("search",),
        ("search", "q", "--limit", "0", "--index", "x"),
        ("search", "q", "--nope"),
        ("search", "q"),
        ("search", "q", "--index", "x", "--url", "http://localhost"),
        ("index", "gone.jsonl", "--index", "x"),
        ("encode", "text", "--jsonl"),
    ],
)
def test_wrong_usage_exits_2_and_leaves_stdout_empty(
    splade: Splade, words: tuple[str, ...]
) -> None:
    ran = splade(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: splade" in ran.err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModelFormatError("no head\nin it"), "error: no head in it\n"),
        (RuntimeError("odd"), "error: RuntimeError: odd (--debug shows where)\n"),
    ],
)
def test_an_error_is_one_line_on_stderr(
    splade: Splade, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def fail(model: str | None) -> None:
        raise error

    monkeypatch.setattr(opening, "open_splade", fail)
    assert splade("inspect", "text") == Ran(1, "", told)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with Python 3.11")
def test_the_notes_of_an_error_are_told(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: str | None) -> None:
        error = ModelFormatError("no head")
        error.add_note("before this, 2 documents were stored")
        raise error

    monkeypatch.setattr(opening, "open_splade", fail)
    assert splade("inspect", "text").err == (
        "error: no head; before this, 2 documents were stored\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("encode", "long"), "warning: 1 of 1 texts were cut; --windows encodes them whole\n"),
        (("inspect", "long"), "warning: 1 of 1 texts were cut\n"),
    ],
)
def test_cut_texts_are_told_with_the_option_of_the_command(
    splade: Splade, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(warnings, "formatwarning", None)
    assert splade(*words).code == 0
    cut = TruncationWarning("1 of 1 texts were cut; long_documents='windows' encodes them whole")
    assert warnings.formatwarning(cut, TruncationWarning, "splade.py", 1) == told


@pytest.mark.parametrize("words", [("--debug", "inspect", "x"), ("inspect", "x", "--debug")])
def test_debug_shows_the_traceback(
    splade: Splade, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def fail(model: str | None) -> None:
        raise ModelFormatError("no head")

    monkeypatch.setattr(opening, "open_splade", fail)
    from splade_sdk.cli.main import run

    with pytest.raises(ModelFormatError):
        run(words)


def test_after_two_dashes_debug_is_a_text(splade: Splade) -> None:
    assert splade("inspect", "--", "--debug").code == 0


def test_ctrl_c_exits_130_quietly(splade: Splade, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(model: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "open_splade", stop)
    assert splade("inspect", "text") == Ran(130, "", "")


def test_a_reader_that_goes_away_makes_no_noise() -> None:
    code = (
        "from splade_sdk.cli import opening\n"
        "from tests.unit.fakes import WordEncoder\n"
        "opening.open_encoder = lambda model, **_: WordEncoder()\n" + RUN
    )
    lines = b"some words to encode\n" * 20_000
    with subprocess.Popen(
        [sys.executable, "-c", code, "encode"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(lines[:10_000])
            process.stdin.flush()
            process.stdout.close()
            process.stdin.write(lines)
            process.stdin.close()
        except BrokenPipeError:
            pass
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1
