"""How much of the questions a rung answers, and how much of its answers is wrong, as it refuses more or less.

The curves come with each rung's result and are of the dev cases; learning them is left to `builders.refusal`.
"""

from __future__ import annotations

from rung.records import RungResult
from rung.report.contents import Report, everyone
from rung.report.html import charts, curves
from rung.report.html.markup import Safe, el, join, section

PROMISE = "promise"  # one point: (share answered, share that is wrong at most)
CURVE = "risk"  # among a rung's curves: (share answered, share of these that is wrong)
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
    shares = curves.across(1.0)
    risks = curves.upwards(max(0.05, *(wrong for _, wrong in points)))
    answered = {share for share, _ in rung.learning.get(PROMISE, ())}
    picture = curves.picture(
        curves.line(points, shares, risks),
        curves.dots([point for point in points if point[0] in answered], shares, risks),
        x=shares,
        y=risks,
        ticks=(
            [(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)],
            [(risk, f"{risk:.0%}") for risk in charts.ticks(risks)],
        ),
        title=f"{rung.name}: {promise(rung)}",
        name=f"Risk and coverage of {rung.name}",
    )
    return join(picture, el("figcaption", f"{promise(rung)}. Share answered to the right →"))


def _table(rung: RungResult) -> Safe:
    points = rung.learning[CURVE]
    shown = points[:: max(1, -(-len(points) // _ROWS))]
    head = el("tr", el("th", "Answered", scope="col"), el("th", "Of these wrong", scope="col"))
    rows = [el("tr", el("th", f"{share:.0%}", scope="row"), el("td", f"{wrong:.0%}")) for share, wrong in shown]
    return el("details", el("summary", "As a table"), el("table", el("thead", head), el("tbody", *rows), cls="numbers"))
