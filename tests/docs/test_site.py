"""The site builds without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a browser fetches by itself; links that a reader clicks are another thing.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=["']?(?P<src>[^"'\s>]+)"""
    r"""|<link\b[^>]*?\brel=["']?(?P<rel>[\w -]+)["']?[^>]*?\bhref=["']?(?P<href>[^"'\s>]+)"""
    r"""|<link\b[^>]*?\bhref=["']?(?P<first>[^"'\s>]+)""",
)
_ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", flags=re.IGNORECASE)
_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    loaded = {
        (page.relative_to(site).as_posix(), address)
        for page in pages
        for found in _LOADED.finditer(page.read_text(encoding="utf-8"))
        for address in found.groupdict().values()
        if address
    }
    assert loaded
    assert [each for each in loaded if _ELSEWHERE.match(each[1])] == []


def test_styles_load_no_fonts(site: Path) -> None:
    texts = [
        each.read_text(encoding="utf-8") for each in [*site.rglob("*.css"), *site.rglob("*.html")]
    ]
    assert not [text for text in texts if _STYLE.search(text)]
    assert not list(site.rglob("*.woff*"))


def test_formulas_need_no_script(site: Path) -> None:
    text = (site / "explanation" / "splade.html").read_text(encoding="utf-8")
    assert text.count("<math") >= 5
    for page in site.rglob("*.html"):
        assert r"\(" not in re.sub(
            r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.S
        )


def test_what_is_left_out_is_not_published(site: Path) -> None:
    assert not (site / "generate").exists()
