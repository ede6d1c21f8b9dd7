"""How much of the questions a rung answers, and how much of its answers is wrong, as it refuses more or less.

The curves come with each rung's result and are of the dev cases; learning them is left to `builders.refusal`.
"""

from __future__ import annotations

from itertools import pairwise

from rung.records import RungResult
from rung.report.contents import Report, everyone
from rung.report.html import charts
from rung.report.html.markup import Safe, el, join, section

PROMISE = "promise"  # one point: (share answered, share that is wrong at most)
CURVE = "risk"  # among a rung's curves: (share answered, share of these that is wrong)
_HEIGHT, _TOP, _BOTTOM = 200, 12, 172  # px
_LEFT, _RIGHT = 8.0, 98.0  # per cent
_ROWS = 20  # of the table, at most


def risk_section(report: Report) -> Safe:
    """A curve for each rung that has learnt when to refuse; empty where none has."""
    careful = [rung for rung in everyone(report.verdict) if rung.learning.get(CURVE)]
    if not careful:
        return Safe("")
    intro = (
        "Of the dev cases: the share that is answered to the right, the share of these answers that is wrong upwards. The "
        "dot is where the rung refuses from: its promise holds with probability 0.9, for questions like the dev cases."
    )
    figures = [el("figure", el("h3", rung.name), _picture(rung), _table(rung)) for rung in careful]
    return section("risk", "How sure must an answer be?", el("p", intro, cls="quiet"), *figures)


def promise(rung: RungResult) -> str:
    """ "at most 5 % wrong, answers 71 % of the dev cases"; "" for a rung that promises nothing."""
    return "".join(
        f"at most {limit:.0%} wrong, answers {answered:.0%} of the dev cases"
        for answered, limit in rung.learning.get(PROMISE, ())
    )


def _picture(rung: RungResult) -> Safe:
    points = rung.learning[CURVE]
    shares = charts.Scale(0.0, 1.0, start=_LEFT, end=_RIGHT)
    risks = charts.Scale(0.0, max(0.05, *(wrong for _, wrong in points)) * 1.05, start=_BOTTOM, end=_TOP)
    marks = [_level(risks, value) for value in charts.ticks(risks)]
    marks += [_text(shares.at(share), _BOTTOM + 18, f"{share:.0%}", "middle") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    drawn = [(shares.at(share), risks.at(wrong)) for share, wrong in points]
    marks += [el("line", x1=f"{a[0]}%", x2=f"{b[0]}%", y1=a[1], y2=b[1], cls="whisker learnt") for a, b in pairwise(drawn)]
    answered = {share for share, _ in rung.learning.get(PROMISE, ())}
    chosen = [at for at, (share, _) in zip(drawn, points, strict=True) if share in answered]
    marks += [el("circle", cx=f"{x}%", cy=y, r=4.5, cls="dot chosen") for x, y in chosen]
    picture = el(
        "svg",
        el("title", f"{rung.name}: {promise(rung)}"),
        *marks,
        cls="learning",
        width="100%",
        height=_HEIGHT,
        role="img",
        aria_label=f"Risk and coverage of {rung.name}",
        focusable="false",
    )
    return join(picture, el("figcaption", f"{promise(rung)}. Share answered to the right →"))


def _level(risks: charts.Scale, value: float) -> Safe:
    y = risks.at(value)
    line = el("line", x1=f"{_LEFT}%", x2=f"{_RIGHT}%", y1=y, y2=y, cls="zero" if value == 0 else "grid")
    return join(line, _text(_LEFT - 1, y + 4, f"{value:.0%}", "end"))


def _text(x: float, y: float, text: str, anchor: str) -> Safe:
    return el("text", text, x=f"{x}%", y=round(y, 2), text_anchor=anchor, cls="tick")


def _table(rung: RungResult) -> Safe:
    points = rung.learning[CURVE]
    shown = points[:: max(1, -(-len(points) // _ROWS))]
    head = el("tr", el("th", "Answered", scope="col"), el("th", "Of these wrong", scope="col"))
    rows = [el("tr", el("th", f"{share:.0%}", scope="row"), el("td", f"{wrong:.0%}")) for share, wrong in shown]
    return el("details", el("summary", "As a table"), el("table", el("thead", head), el("tbody", *rows), cls="numbers"))
