"""How the tuned rungs learnt: the loss on the rows that were learnt and on those held out, step by step.

The curves come with each rung's result; measuring them is left to `training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rung.records import RungResult
from rung.report.contents import Report, everyone
from rung.report.html import charts
from rung.report.html.markup import Safe, el, join, section
from rung.report.numbers import significant

TRAINED, HELD_OUT = "train", "validation"  # the names of a rung's curves
_HEIGHT, _TOP, _BOTTOM = 200, 12, 172  # px: of the picture, y of the largest loss, y of 0
_LEFT, _RIGHT = 8.0, 98.0  # x of the first and the last step, per cent
_WORDS = {TRAINED: "rows learnt (line)", HELD_OUT: "rows held out (dots)"}

Curve = Sequence[tuple[float, float]]


def learning_section(report: Report) -> Safe:
    """A curve for each tuned rung; empty where none was tuned."""
    tuned = [rung for rung in everyone(report.verdict) if any(rung.learning.get(name) for name in _WORDS)]
    if not tuned:
        return Safe("")
    intro = (
        "Mean loss per answer token, in nats; lower is better. Where the dots rise while the line falls, the rung learns "
        "its rows by heart: more rows help, more passes do not."
    )
    figures = [el("figure", el("h3", rung.name), _curves(rung), _table(rung)) for rung in tuned]
    return section("learning", "How did the tuned rungs learn?", el("p", intro, cls="quiet"), *figures)


def _curves(rung: RungResult) -> Safe:
    points = [point for curve in rung.learning.values() for point in curve]
    steps = charts.Scale(0.0, max(1.0, *(step for step, _ in points)), start=_LEFT, end=_RIGHT)
    losses = charts.Scale(0.0, max(1e-6, *(loss for _, loss in points)) * 1.05, start=_BOTTOM, end=_TOP)
    marks = [_level(losses, value) for value in charts.ticks(losses)]
    marks += [_text(steps.at(value), _BOTTOM + 18, f"{value:,.0f}", "middle") for value in charts.ticks(steps)]
    marks += [_line(rung.learning.get(TRAINED, ()), steps, losses)]
    marks += [_dots(rung.learning.get(HELD_OUT, ()), steps, losses)]
    summary = "; ".join(f"{_WORDS.get(name, name)}: {_ends(curve)}" for name, curve in rung.learning.items() if curve)
    picture = el(
        "svg",
        el("title", f"{rung.name}: {summary}"),
        *marks,
        cls="learning",
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_label=f"Learning curve of {rung.name}",
        focusable="false",
    )
    return join(picture, el("figcaption", f"{summary}. Steps to the right →"))


def _ends(curve: Curve) -> str:
    first, last = curve[0][1], curve[-1][1]
    return f"{significant(first)} to {significant(last)}"


def _level(losses: charts.Scale, value: float) -> Safe:
    y = losses.at(value)
    line = el("line", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=y, y2=y, cls="zero" if value == 0 else "grid")
    return join(line, _text(_LEFT - 1, y + 4, significant(value), "end"))


def _line(curve: Curve, steps: charts.Scale, losses: charts.Scale) -> Safe:
    drawn = [(steps.at(step), losses.at(loss)) for step, loss in curve]
    parts = [el("line", x1=f"{a[0]}%", x2=f"{b[0]}%", y1=a[1], y2=b[1], cls="whisker learnt") for a, b in pairwise(drawn)]
    return el("g", *parts)


def _dots(curve: Curve, steps: charts.Scale, losses: charts.Scale) -> Safe:
    return el("g", *(el("circle", cx=f"{steps.at(s)}%", cy=losses.at(x), r=4.5, cls="dot chosen") for s, x in curve))


def _text(x: float, y: float, text: str, anchor: str) -> Safe:
    return el("text", text, x=f"{x}%", y=round(y, 2), text_anchor=anchor, cls="tick")


def _table(rung: RungResult) -> Safe:
    names = [name for name, curve in rung.learning.items() if curve]
    curves = {name: dict(rung.learning[name]) for name in names}
    steps = sorted({step for curve in curves.values() for step in curve})
    shown = steps if len(steps) <= 20 else [s for s in steps if s in curves.get(HELD_OUT, {})] or steps[:: len(steps) // 20]
    head = el("tr", el("th", "Step", scope="col"), *(el("th", _WORDS.get(name, name), scope="col") for name in names))
    rows = [
        el(
            "tr",
            el("th", f"{step:,.0f}", scope="row"),
            *(el("td", significant(curves[name][step]) if step in curves[name] else "") for name in names),
        )
        for step in shown
    ]
    return el("details", el("summary", "As a table"), el("table", el("thead", head), el("tbody", *rows), cls="numbers"))
