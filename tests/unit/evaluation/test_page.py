from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from splade_sdk.evaluation.comparison import compare
from splade_sdk.evaluation.svg import Bar, Dot, bars, histogram, scatter
from tests.unit.evaluation.reports import EVIL, comparison, run_report


class Elements(HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_every_number_and_plot() -> None:
    found = Elements(comparison().to_html())
    for told in ("0.5833", "60.5", "2.00", "1.5", "3 judged queries, 10 documents", "90 %"):
        assert told in found.text
    # Quality against cost, two systems query by query, and two lengths of each measured system.
    assert sum(tag == "svg" for tag, _ in found.tags) == 1 + 2 + 4
    assert "Largest gains" in found.text
    assert "+0.500" in found.text
    assert "-1.000" in found.text


def test_a_run_alone_has_its_metrics() -> None:
    found = Elements(compare([run_report("run", {"q": 0.25})]).to_html())
    assert "0.2500" in found.text
    assert not any(tag == "svg" for tag, _ in found.tags)


def test_everything_is_escaped_and_nothing_is_loaded() -> None:
    html = comparison(EVIL).to_html()
    found = Elements(html)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in found.tags}
    for _, attributes in found.tags:
        assert not {"src", "href", "onerror"} & attributes.keys()
    assert "document.title = 'evil'" in found.text
    assert "url(" not in html
    assert "http" not in html


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def numbers(svg: str) -> list[float]:
    return [
        float(value)
        for value in re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]+)"', svg)
    ]


class TestScatter:
    def test_dots_lie_where_their_values_are(self) -> None:
        svg = scatter([Dot("a", 1.0, 0.2, 1), Dot("b", 3.0, 0.4, 2)], x="cost", y="nDCG@10")
        circles = parsed(svg).findall("circle")
        first, second = sorted(circles, key=lambda each: each.attrib["class"])
        # Twice the distance from the left for three times the cost: the axis begins at 0.
        left = [float(each.attrib["cx"]) - 44 for each in (first, second)]
        assert left[1] / left[0] == pytest.approx(3.0, rel=1e-2)
        assert float(first.attrib["cy"]) > float(second.attrib["cy"])  # higher is further up

    def test_labels_do_not_overlap(self) -> None:
        dots = [Dot(f"system {at}", 1.0, 0.5 + at / 1000, at % 8 + 1) for at in range(6)]
        svg = parsed(scatter(dots, x="x", y="y"))
        heights = sorted(
            float(each.attrib["y"])
            for each in svg.findall("text")
            if each.attrib.get("class") == "label"
        )
        assert all(b - a >= 13 - 1e-6 for a, b in pairwise(heights))

    def test_one_dot_is_enough(self) -> None:
        assert all(abs(each) < 1000 for each in numbers(scatter([Dot("a", 0, 0, 1)], x="", y="")))


class TestHistogram:
    def test_bars_are_as_high_as_their_texts(self) -> None:
        svg = parsed(histogram({0: 1, 50: 4, 70: 2}, title="terms", colour=1))
        heights = [float(each.attrib["height"]) for each in svg.findall("rect")]
        assert sum(each > 0 for each in heights) == 3
        assert max(heights) == pytest.approx(4 * heights[0], rel=1e-2)
        titles = [each.text for each in svg.iter("title")]
        assert "48 to 50 terms: 4 texts" in titles

    @pytest.mark.parametrize("lengths", [{0: 5}, {1: 1}, {100_000: 3, 0: 1}])
    def test_any_lengths_can_be_drawn(self, lengths: dict[int, int]) -> None:
        svg = histogram(lengths, title="<b>", colour=1)
        assert parsed(svg).attrib["aria-label"] == "<b>"
        assert all(abs(each) < 1000 for each in numbers(svg))


class TestBars:
    def test_gains_go_up_and_losses_down(self) -> None:
        svg = parsed(bars([Bar(0.5, "gain & more"), Bar(0.0, ""), Bar(-0.25, "loss")], title="t"))
        gain, none, loss = svg.findall("rect")
        zero = float(svg.findall("line")[-1].attrib["y1"])
        assert float(gain.attrib["y"]) + float(gain.attrib["height"]) == pytest.approx(zero)
        assert float(loss.attrib["y"]) == pytest.approx(zero)
        assert float(gain.attrib["height"]) == pytest.approx(2 * float(loss.attrib["height"]))
        assert float(none.attrib["height"]) == 0
        assert gain.findtext("title") == "gain & more"

    def test_no_change_at_all_can_be_drawn(self) -> None:
        assert all(abs(each) < 1000 for each in numbers(bars([Bar(0.0, "")], title="t")))
