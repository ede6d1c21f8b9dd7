"""Curves over two axes with ticks: how a rung learnt, how sure its answers are. The numbers are left to the sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rung.report.html import charts
from rung.report.html.markup import Safe, el, join

Curve = Sequence[tuple[float, float]]
Ticks = Iterable[tuple[float, str]]
_HEIGHT, _TOP, _BOTTOM = 200, 12, 172  # px: of the picture, y of the largest value, y of 0
_LEFT, _RIGHT = 8.0, 98.0  # x of the first and the last value, per cent


def across(high: float) -> charts.Scale:
    """From left to right, from 0."""
    return charts.Scale(0.0, high, start=_LEFT, end=_RIGHT)


def upwards(high: float) -> charts.Scale:
    """From 0 at the bottom, in px, with room above the largest value."""
    return charts.Scale(0.0, high * 1.05, start=_BOTTOM, end=_TOP)


def line(curve: Curve, x: charts.Scale, y: charts.Scale) -> Safe:
    """A curve's points joined."""
    drawn = [(x.at(a), y.at(b)) for a, b in curve]
    parts = [el("line", x1=f"{a[0]}%", x2=f"{b[0]}%", y1=a[1], y2=b[1], cls="whisker learnt") for a, b in pairwise(drawn)]
    return el("g", *parts)


def dots(curve: Curve, x: charts.Scale, y: charts.Scale) -> Safe:
    """A curve's points, each by itself."""
    return el("g", *(el("circle", cx=f"{x.at(a)}%", cy=y.at(b), r=4.5, cls="dot chosen") for a, b in curve))


def picture(*marks: Safe, x: charts.Scale, y: charts.Scale, ticks: tuple[Ticks, Ticks], title: str, name: str) -> Safe:
    """The marks between their axes. `ticks`: (value, label) along x, and along y; `name`: what a screen reader calls it."""
    levels = [_level(y, value, label) for value, label in ticks[1]]
    below = [_text(x.at(value), _BOTTOM + 18, label, "middle") for value, label in ticks[0]]
    return el(
        "svg",
        el("title", title),
        *levels,
        *below,
        *marks,
        cls="learning",
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_label=name,
        focusable="false",
    )


def _level(y: charts.Scale, value: float, label: str) -> Safe:
    at = y.at(value)
    grid = el("line", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=at, y2=at, cls="zero" if value == 0 else "grid")
    return join(grid, _text(_LEFT - 1, at + 4, label, "end"))


def _text(x: float, y: float, text: str, anchor: str) -> Safe:
    return el("text", text, x=f"{x}%", y=round(y, 2), text_anchor=anchor, cls="tick")
