"""The pages this package writes, opened in a browser without a network: no error, no script runs.

Pages are looked at through a frame of a phone's width. Needs Chromium (Debian: chromium).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import NamedTuple

import pytest

from splade_sdk.types import Explanation, Leg, Place, TermMatch
from tests.unit.evaluation.reports import EVIL, comparison

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
WIDTH = 390
# What the frame shows is told in the title of the page around it.
FRAME = """<!doctype html><title>waiting</title>
<iframe id="frame" style="width:{width}px;height:800px;border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("frame").onload = (event) => {{
  const shown = event.target.contentDocument;
  const style = event.target.contentWindow.getComputedStyle(shown.body);
  document.title = [shown.title, shown.documentElement.scrollWidth, shown.images.length,
                    event.target.contentWindow.performance.getEntriesByType("resource").length,
                    style.color, style.backgroundColor].join("|");
}};
</script>"""


class Seen(NamedTuple):
    title: str
    width: int
    images: int
    requests: int
    colour: str
    background: str
    errors: list[str]


def look_at(page: str, folder: Path, *options: str) -> Seen:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium runs this test")
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=WIDTH, page=escape(page)), encoding="utf-8")
    ran = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            *options,
            "--dump-dom",
            frame.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (told,) = re.findall(r"<title>(.*?)</title>", ran.stdout)[:1]
    title, width, images, requests, colour, background = told.rsplit("|", 5)
    errors = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    return Seen(title, int(width), int(images), int(requests), colour, background, errors)


def explanation() -> Explanation:
    text = f"heart {EVIL} attack " + "uncharacteristically" * 20
    places = (Place(0, 5, 0, 5),)
    return Explanation(
        query=EVIL,
        document_id="d1",
        text=text,
        score=3.0,
        terms=(
            TermMatch(1, "heart", 1.0, 2.0, 2.0, in_query=True, in_document=True, places=places),
            TermMatch(2, EVIL, 1.0, 1.0, 1.0, places=(Place(6, 14, 6, 14),), query_word=EVIL),
        ),
        missing=((EVIL, 0.5),),
        legs={EVIL: Leg(1, 3.0)},
        notes=(EVIL,),
    )


PAGES = {
    "comparison": (comparison(EVIL).to_html(), "tiny (test)"),
    "explanation": (explanation().to_html(page=True), "Why d1 matched"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_runs_no_script_of_its_texts(name: str, tmp_path: Path) -> None:
    page, title = PAGES[name]
    seen = look_at(page, tmp_path)
    assert seen.errors == []
    assert seen.title == title  # not 'evil'
    assert (seen.images, seen.requests) == (0, 0)
    assert seen.width <= WIDTH


def test_dark_readers_get_a_dark_page(tmp_path: Path) -> None:
    page, _ = PAGES["comparison"]
    light = look_at(page, tmp_path)
    dark = look_at(page, tmp_path, "--force-dark-mode")
    assert (light.colour, light.background) == ("rgb(11, 11, 11)", "rgb(252, 252, 251)")
    assert (dark.colour, dark.background) == ("rgb(255, 255, 255)", "rgb(26, 26, 25)")


def test_a_page_that_would_run_a_script_is_seen(tmp_path: Path) -> None:
    """That the checks above can fail."""
    asks = "<img src='http://127.0.0.1:9/nowhere.png'>"
    wide = "<div style='width:900px'>wide</div>"
    bad = f"<title>fine</title>{EVIL}{asks}{wide}<script>none()</script>"
    seen = look_at(bad, tmp_path)
    assert seen.title == "evil"
    assert (seen.images, seen.requests) == (2, 1)
    assert seen.width > WIDTH
    assert seen.errors
