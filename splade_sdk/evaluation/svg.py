"""Plots as inline SVG that takes its colours from the page, light or dark; pure.

matplotlib's SVG has its colours drawn in, and carries its fonts along; these plots are small enough
to be written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

__all__ = ["Bar", "Dot", "bars", "histogram", "scatter"]

# Drawn for a screen of 390 px, where text keeps its size; wider screens enlarge a little.
_WIDTH, _HEIGHT = 360, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 36
_LABEL_HEIGHT = 13
_BINS = 24


class Dot(NamedTuple):
    """A system in a scatter plot; ``colour`` counts the page's colours from 1."""

    label: str
    x: float
    y: float
    colour: int


class Bar(NamedTuple):
    """A query in a plot of differences; ``title`` is told when pointed at."""

    value: float
    title: str


def scatter(dots: Sequence[Dot], *, x: str, y: str) -> str:
    """Return dots with their labels.

    Args:
        dots: At least one.
        x: Title of the horizontal axis, with its unit.
        y: Title of the vertical axis.
    """
    x_ticks = _ticks(0.0, max(dot.x for dot in dots))
    y_ticks = _ticks(min(dot.y for dot in dots), max(dot.y for dot in dots))
    across = _Axis(x_ticks, _LEFT, _WIDTH - _RIGHT)
    up = _Axis(y_ticks, _HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(across, up, x)]
    labels: list[tuple[float, Dot]] = []
    for dot in sorted(dots, key=lambda each: -each.y):
        at = up.place(dot.y) + 4
        if labels:
            at = max(at, labels[-1][0] + _LABEL_HEIGHT)
        labels.append((at, dot))
    for at, dot in labels:
        left = across.place(dot.x)
        end = left > _WIDTH * 0.6
        parts.append(
            f'<circle class="c{dot.colour}" cx="{left:.1f}" cy="{up.place(dot.y):.1f}" r="5">'
            f"<title>{escape(dot.label)}: {y} {dot.y:.4f}, {x} {dot.x:.2f}</title></circle>"
            f'<text class="label" x="{left + (-9 if end else 9):.1f}" y="{at:.1f}" '
            f'text-anchor="{"end" if end else "start"}">{escape(_short(dot.label))}</text>'
        )
    return _svg(f"{y} against {x}", parts)


def histogram(lengths: Mapping[int, int], *, title: str, colour: int) -> str:
    """Return how many texts have how many active terms.

    Args:
        lengths: Number of texts by their number of terms; at least one.
        title: What the texts are; the title of the horizontal axis.
        colour: Which of the page's colours.
    """
    longest = max(lengths)
    step = max(1, ceil((longest + 1) / _BINS))
    counts = [0] * ((longest // step) + 1)
    for length, texts in lengths.items():
        counts[length // step] += texts
    across = _Axis(_ticks(0.0, float(len(counts) * step)), _LEFT, _WIDTH - _RIGHT)
    up = _Axis(_ticks(0.0, float(max(counts))), _HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(across, up, title)]
    for at, count in enumerate(counts):
        left, right = across.place(at * step), across.place((at + 1) * step)
        top = up.place(count)
        told = f"{at * step} to {at * step + step - 1} terms" if step > 1 else f"{at} terms"
        parts.append(
            f'<rect class="c{colour}" x="{left + 1:.1f}" y="{top:.1f}" '
            f'width="{max(1.0, right - left - 2):.1f}" height="{_HEIGHT - _BOTTOM - top:.1f}">'
            f"<title>{told}: {count:,} texts</title></rect>"
        )
    return _svg(title, parts)


def bars(values: Sequence[Bar], *, title: str) -> str:
    """Return differences as bars around zero, in the order given.

    Args:
        values: At least one.
        title: What is compared; the title of the horizontal axis.
    """
    reach = max([1e-6, *(abs(bar.value) for bar in values)])
    up = _Axis(_ticks(-reach, reach), _HEIGHT - _BOTTOM, _TOP)
    across = _Axis([0.0, float(len(values))], _LEFT, _WIDTH - _RIGHT)
    zero = up.place(0.0)
    parts = [_grid(None, up, title)]
    for at, bar in enumerate(values):
        left, right = across.place(at), across.place(at + 1)
        top = up.place(bar.value)
        gap = 1.0 if right - left > 4 else 0.0
        parts.append(
            f'<rect class="{"gain" if bar.value > 0 else "loss"}" x="{left:.2f}" '
            f'y="{min(top, zero):.1f}" width="{right - left - gap:.2f}" '
            f'height="{abs(zero - top):.1f}"><title>{escape(bar.title)}</title></rect>'
        )
    parts.append(
        f'<line class="zero" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{zero:.1f}" y2="{zero:.1f}"/>'
    )
    return _svg(title, parts)


class _Axis:
    """A linear scale from the first to the last tick onto pixels."""

    def __init__(self, ticks: Sequence[float], start: float, end: float) -> None:
        self.ticks = ticks
        self._start = start
        self._scale = (end - start) / (ticks[-1] - ticks[0])

    def place(self, value: float) -> float:
        return self._start + (value - self.ticks[0]) * self._scale


def _ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers around a range."""
    if high - low < 1e-9:
        low, high = low - max(abs(low) * 0.1, 1e-3), high + max(abs(high) * 0.1, 1e-3)
    raw = (high - low) / 4
    size = 10.0 ** floor(log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [each * step for each in range(first, last + 1)]


def _told(value: float, step: float) -> str:
    digits = max(0, -floor(log10(step) + 1e-9))
    short = round(step * 10**digits, 6) % 1 == 0
    return f"{value:,.{digits if short else digits + 1}f}"


def _grid(across: _Axis | None, up: _Axis, title: str) -> str:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for tick in up.ticks:
        at = up.place(tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">'
            f"{_told(tick, up.ticks[1] - up.ticks[0])}</text>"
        )
    for tick in across.ticks if across else ():
        at = across.place(tick) if across else 0.0
        step = across.ticks[1] - across.ticks[0] if across else 1.0
        anchor = "end" if at > _WIDTH - _RIGHT - 12 else "middle"
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 14}" text-anchor="{anchor}">'
            f"{_told(tick, step)}</text>"
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(title)}</text>'
    )
    return "".join(parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _short(label: str, characters: int = 28) -> str:
    return label if len(label) <= characters else f"…{label[1 - characters :]}"
