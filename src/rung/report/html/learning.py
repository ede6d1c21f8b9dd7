"""How the tuned rungs learnt: the loss on the rows that were learnt and on those held out, step by step.

The curves come with each rung's result; measuring them is left to `training`.
"""

from __future__ import annotations

from rung.records import RungResult
from rung.report.contents import Report, everyone
from rung.report.html import charts, curves
from rung.report.html.markup import Safe, el, join, section
from rung.report.numbers import significant

TRAINED, HELD_OUT = "train", "validation"  # the names of a rung's curves
_WORDS = {TRAINED: "rows learnt (line)", HELD_OUT: "rows held out (dots)"}


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
    steps = curves.across(max(1.0, *(step for step, _ in points)))
    losses = curves.upwards(max(1e-6, *(loss for _, loss in points)))
    summary = "; ".join(f"{_WORDS.get(name, name)}: {_ends(curve)}" for name, curve in rung.learning.items() if curve)
    picture = curves.picture(
        curves.line(rung.learning.get(TRAINED, ()), steps, losses),
        curves.dots(rung.learning.get(HELD_OUT, ()), steps, losses),
        x=steps,
        y=losses,
        ticks=(
            [(value, f"{value:,.0f}") for value in charts.ticks(steps)],
            [(value, significant(value)) for value in charts.ticks(losses)],
        ),
        title=f"{rung.name}: {summary}",
        name=f"Learning curve of {rung.name}",
    )
    return join(picture, el("figcaption", f"{summary}. Steps to the right →"))


def _ends(curve: curves.Curve) -> str:
    first, last = curve[0][1], curve[-1][1]
    return f"{significant(first)} to {significant(last)}"


def _table(rung: RungResult) -> Safe:
    names = [name for name, curve in rung.learning.items() if curve]
    losses = {name: dict(rung.learning[name]) for name in names}
    steps = sorted({step for curve in losses.values() for step in curve})
    shown = steps if len(steps) <= 20 else [s for s in steps if s in losses.get(HELD_OUT, {})] or steps[:: len(steps) // 20]
    head = el("tr", el("th", "Step", scope="col"), *(el("th", _WORDS.get(name, name), scope="col") for name in names))
    rows = [
        el(
            "tr",
            el("th", f"{step:,.0f}", scope="row"),
            *(el("td", significant(losses[name][step]) if step in losses[name] else "") for name in names),
        )
        for step in shown
    ]
    return el("details", el("summary", "As a table"), el("table", el("thead", head), el("tbody", *rows), cls="numbers"))
