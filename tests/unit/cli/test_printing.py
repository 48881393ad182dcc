"""Documents whose texts, ids and metadata are meant for the terminal rather than for the reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.text import Text

from splade_sdk.cli.printing import console, printable
from tests.unit.cli.conftest import Ran

Splade = Callable[..., Ran]

TITLE = "\x1b]0;owned\x07"
CLIPBOARD = "\x1b]52;c;cm0gLXJm\x1b\\"
CLEAR = "\x1b[2J"
C1 = "\x9b31m\x85\x7f"
BIDI = "\u202etxet\u202c \u2066x\u2069 \u200f\u061c"
HOSTILE = f"apple {TITLE}{CLIPBOARD}{CLEAR}{C1}{BIDI}\r\x08 [red]pie[/red] [/]"
UNSAFE = [
    *map(chr, range(32)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u202e\u202c\u2066\u2069\u200f\u061c",
]
RUN = (
    "import sys\n"
    "from splade_sdk.cli import opening\n"
    "from tests.unit.cli.conftest import TermEncoder\n"
    "opening.open_encoder = opening.open_splade = lambda model, **_: TermEncoder()\n"
    "from splade_sdk.cli.main import run\n"
    "run()"
)


def require_harmless(ran: Ran) -> None:
    for text in (ran.out, ran.err):
        assert not [each for each in UNSAFE if each in text and each not in "\n\t"]


@pytest.fixture
def indexed(splade: Splade, tmp_path: Path) -> str:
    pytest.importorskip("qdrant_edge")
    rows = tmp_path / "docs.jsonl"
    row = {"id": f"o{TITLE}{CLEAR}{BIDI}", "text": HOSTILE, f"key{CLEAR}": HOSTILE}
    rows.write_text(json.dumps(row) + "\n", encoding="utf-8")
    folder = str(tmp_path / "idx")
    ran = splade("index", str(rows), "--index", folder)
    assert ran.code == 0, ran.err
    require_harmless(ran)
    return folder


def test_a_text_keeps_its_length_and_what_is_harmless() -> None:
    assert printable(HOSTILE).count("\ufffd") == sum(each in UNSAFE for each in HOSTILE)
    assert len(printable(HOSTILE)) == len(HOSTILE)
    fine = "tab\tline\n 👩\u200d🔬 \xa0 naïve क्\u200cष"
    assert printable(fine) == fine


@pytest.mark.parametrize(
    "words",
    [
        ("search", "apple"),
        ("search", "apple", "--explain"),
        ("search", "apple", "--json"),
        ("search", "apple", "--explain", "--json"),
        ("explain", "apple", "--id", f"o{TITLE}{CLEAR}{BIDI}"),
        ("explain", "apple", "--id", f"gone{CLEAR}"),
        ("doctor",),
        ("doctor", "--json"),
    ],
)
def test_a_hostile_document(splade: Splade, indexed: str, words: tuple[str, ...]) -> None:
    ran = splade(*words, "--index", indexed)
    require_harmless(ran)
    assert ran.out or ran.err
    if "--json" in words and words[0] == "search":
        (hit,) = json.loads(ran.out)
        assert (hit["text"], hit["id"]) == (HOSTILE, f"o{TITLE}{CLEAR}{BIDI}")


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", HOSTILE),
        ("inspect", HOSTILE, "--json"),
        ("encode", HOSTILE),
        ("encode", HOSTILE, "--terms"),
        ("compare", "bm25", f"bm25{CLEAR}", HOSTILE),
        ("compare", "bm25", "bm25", HOSTILE, "--json"),
        ("index", f"gone{CLEAR}.jsonl", "--index", "x"),
        ("search", "q", "--index", f"gone{CLEAR}"),
        ("search", "q", "--index", "gone", "--filter", f"{{{CLEAR}"),
    ],
)
def test_hostile_arguments(splade: Splade, words: tuple[str, ...]) -> None:
    require_harmless(splade(*words))


def test_a_hostile_line_of_a_file(splade: Splade, tmp_path: Path) -> None:
    rows = tmp_path / "docs.jsonl"
    for row in ({"id": "a", f"t{CLEAR}": 1}, {"id": [CLEAR], "text": "x"}):
        rows.write_text(json.dumps(row) + "\n", encoding="utf-8")
        ran = splade("index", str(rows), "--index", str(tmp_path / "idx"))
        assert ran.code == 1
        require_harmless(ran)


def test_a_hostile_test_collection(splade: Splade, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    query, document = f"q{CLEAR}", f"d{TITLE}"
    rows = {
        "corpus.jsonl": [{"_id": document, "title": "", "text": HOSTILE}],
        "queries.jsonl": [{"_id": query, "text": HOSTILE}],
    }
    for name, lines in rows.items():
        text = "".join(json.dumps(each) + "\n" for each in lines)
        (folder / name).write_text(text, encoding="utf-8")
    qrels = f"query-id\tcorpus-id\tscore\n{query}\t{document}\t1\n"
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    run = tmp_path / f"other{CLEAR}.trec"
    run.write_text("", encoding="utf-8")
    for more in ((), ("--run", str(run))):
        ran = splade("eval", str(folder), "--model", "words", "--engine", "memory", *more)
        require_harmless(ran)


def test_the_controls_of_the_console_itself_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    out = console()
    out.print(Text(HOSTILE), style="bold")
    out.print(f"{HOSTILE}", markup=False)
    text = capsys.readouterr().out
    require_harmless(Ran(0, text, ""))
    assert "[red]pie[/red] [/]" in text


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("words", [(), ("--json",), ("--explain",)])
def test_a_terminal_that_is_not_utf_8(
    splade: Splade, tmp_path: Path, encoding: str, words: tuple[str, ...]
) -> None:
    pytest.importorskip("qdrant_edge")
    rows = tmp_path / "docs.jsonl"
    row = {"id": "日本", "text": "apple 日本 – naïve 👩", "k": "日"}
    rows.write_text(json.dumps(row) + "\n", encoding="utf-8")
    folder = str(tmp_path / "idx")
    assert splade("index", str(rows), "--index", folder, "--model", "words").code == 0
    ran = subprocess.run(
        [sys.executable, "-c", RUN, "search", "apple", "--index", folder, *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "NO_COLOR": "1"},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    if "--json" in words:
        (hit,) = json.loads(ran.stdout.decode("utf-8"))
        assert (hit["id"], hit["text"]) == (row["id"], row["text"])
    else:
        assert "apple ??" in ran.stdout.decode(encoding)
