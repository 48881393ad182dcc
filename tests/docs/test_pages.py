"""What the documentation shows runs as it stands, and prints what the page says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.markdown import blocks, models_from_packages, run_page

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Blocks that tests cannot run, on all pages together; a page that needs another one explains it.
MAX_SKIPPED = 20


@pytest.mark.real_model
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(block.language in ("python", "sh") for block in blocks(page))],
    ids=lambda page: page.relative_to(DOCS).as_posix(),
)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.syspath_prepend(str(tmp_path))
    models_from_packages(monkeypatch)
    before = set(sys.modules)
    run_page(page)
    for name in set(sys.modules) - before:  # a page's own files are no modules of the next page
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def test_few_blocks_are_not_run() -> None:
    skipped = [
        f"{page.relative_to(DOCS)}:{block.line} {block.title}"
        for page in PAGES
        for block in blocks(page)
        if block.is_skipped
    ]
    assert len(skipped) <= MAX_SKIPPED, "\n".join(skipped)
