"""What each rung costs, which are worth a thought, and what mending would bring: three tables of the report.

Counting is left to `costs`, `pareto` and `winning_back`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rung.records import Bill, Lost, Verdict
from rung.report.contents import Report, ladder, losing
from rung.report.html.markup import Safe, el, join, scrolled
from rung.report.numbers import DASH, count, listed, money, points, points_interval
from rung.verdict.bar import measured
from rung.verdict.costs import HOSTING
from rung.verdict.pareto import ANSWERS, LATENCY, MONTH, better_than
from rung.verdict.remedies import remedy

_AXES = {MONTH: "whole cost", ANSWERS: "price of answering", LATENCY: "latency"}
_SUMS: tuple[tuple[str, Callable[[Bill], float | None]], ...] = (
    ("per month", lambda bill: bill.per_month),
    ("per 1,000", lambda bill: bill.per_1k),
    ("per passed", lambda bill: bill.per_passed),
)


def front_line(verdict: Verdict) -> Safe:
    """The Pareto front, in a sentence."""
    if not verdict.front:
        return Safe("")
    compared = [_AXES.get(name, "quality") for name in verdict.front_by]
    others = [r for r in ladder(verdict) if r.status == "measured" and r.name not in verdict.front]
    behind, stopped = ([r.name for r in others if bool(r.stopped) is is_stopped] for is_stopped in (False, True))
    rest = [f"{listed(dull)}: another is at least as good in all of it."] if (dull := _but(behind, verdict.winner)) else []
    if verdict.winner is not None and verdict.winner in behind:
        better = listed(list(better_than(verdict.winner, verdict.rungs, verdict.front_by, quality=verdict.main_metric)))
        rest.append(f"The choice, {verdict.winner}, is not among them: {better} is at least as good in all of it.")
    rest += [f"Left out, since the race stopped them: {listed(stopped)}."] if stopped else []
    rest += _unknown(verdict)
    words = f"Worth a thought by {listed(compared)} (the Pareto front): {listed(list(verdict.front))}."
    return el("p", " ".join([words, *rest]), id="front")


def _but(names: Sequence[str], one: str | None) -> list[str]:
    return [name for name in names if name != one]


def _unknown(verdict: Verdict) -> Iterator[str]:
    """Of which rungs on the front something is unknown, and what nobody knows of any."""
    on = [r for r in verdict.rungs if r.name in verdict.front]
    for axis in verdict.front_by:
        if unknown := [r.name for r in on if measured(r, axis) is None]:
            what = f"The {_AXES[axis]} of {listed(unknown)} is unknown"
            yield f"{what}, so nobody can say whether another is at least as good in all of it."
    left = [] if {MONTH, ANSWERS} & set(verdict.front_by) else ["price"]
    left += [] if LATENCY in verdict.front_by else ["latency"]
    if left:
        yield f"Not compared, since it is known of no rung: {listed(left)}."


def bills_table(report: Report) -> Safe:
    """Every part of every rung's cost; empty where nothing at all is known."""
    billed = [(r, r.bill) for r in ladder(report.verdict) if r.bill is not None]
    if not any(_anything_known(bill) for _, bill in billed):
        return Safe("")
    first = billed[0][1]
    once = [part for part in first.once if part != "building" or any(bill.once.get(part) != 0 for _, bill in billed)]
    monthly = [part for part in first.monthly if part != HOSTING or any(bill.hosted for _, bill in billed)]
    titles = [
        "Rung",
        *(f"{part}, once" for part in once),
        *(f"{part}, a month" for part in monthly),
        "per 1,000 answers",
    ]
    titles += [name if name != "per 1,000" else "whole, per 1,000" for name, _ in _SUMS]
    rows = [
        el("tr", el("th", r.name, scope="row"), *(el("td", cell) for cell in _cells(bill, once, monthly)))
        for r, bill in billed
    ]
    head = el("tr", *(el("th", title, scope="col") for title in titles))
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers", aria_label="The whole cost")
    about = (
        "US dollars. The sums take the stated traffic and spread what is paid once; a sum with an unknown part is unknown."
    )
    return scrolled(table, title="The whole cost", about=about)


def _anything_known(bill: Bill) -> bool:
    return any({**bill.once, **bill.monthly}.values()) or bill.per_month is not None


def _cells(bill: Bill, once: Sequence[str], monthly: Sequence[str]) -> list[str]:
    per_1k = None if bill.per_query is None else bill.per_query * 1000
    parts = [*(bill.once.get(part) for part in once), *(bill.monthly.get(part) for part in monthly), per_1k]
    return [
        *map(money, parts),
        *(money(read(bill)) for _, read in _SUMS),
    ]


def wins_table(report: Report) -> Safe:
    """What mending each layer would win back, for the choice or, without one, the best rung."""
    rung = losing(report.verdict)
    if rung is None or not rung.losses:
        return Safe("")
    rows = [_win(lost) for lost in rung.losses]
    titles = ("Lost as", "cases", "to win back, points", "95 % interval", "what to do")
    head = el("tr", *(el("th", title, scope="col", cls="words" if title == "what to do" else None) for title in titles))
    table = el("table", el("thead", head), el("tbody", *rows), cls="numbers", aria_label="What mending would win back")
    about = (
        f"For {rung.name}, in points of {report.verdict.main_metric} over all cases. What the right passages would mend is "
        "taken from the oracle arm; of the rest nobody knows more than the most that there is to gain."
    )
    return join(scrolled(table, title="What mending would win back", about=about))


def _win(lost: Lost) -> Safe:
    most = "at most " if lost.at_most else ""
    return el(
        "tr",
        el("th", lost.layer, scope="row"),
        el("td", f"{lost.cases:,}", title=count(lost.cases, "case")),
        el("td", f"{most}{points(lost.wins_back.mean, digits=1)}"),
        el("td", points_interval(lost.wins_back) or DASH),
        el("td", remedy(lost) or DASH, cls="words"),
    )
