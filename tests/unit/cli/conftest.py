from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from splade_sdk.cli import opening
from splade_sdk.cli.main import run
from splade_sdk.types import SparseVector
from tests.unit.fakes import WordEncoder


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class TermEncoder(WordEncoder):
    """What `splade inspect` needs besides: which terms stand in the text."""

    def literal_terms(self, text: str) -> set[int]:
        literal = self.encode(text.split()[0])
        assert isinstance(literal, SparseVector)
        return set(literal.indices.tolist())


@pytest.fixture
def splade(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ran]:
    """Run the command line in process, with a model of words in the place of a real one."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def encoder(model: str | None, **_: object) -> TermEncoder:
        return TermEncoder(model or "words")

    monkeypatch.setattr(opening, "open_splade", encoder)
    monkeypatch.setattr(opening, "open_encoder", encoder)

    def ran(*words: str) -> Ran:
        with pytest.raises(SystemExit) as leaving:
            run(words)
        out, err = capsys.readouterr()
        return Ran(int(leaving.value.code or 0), out, err)

    return ran
