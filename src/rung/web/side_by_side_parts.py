"""Runs beside each other as HTML: scores in columns, differences with intervals, what changed between them."""

from __future__ import annotations

from rung.records import Estimate
from rung.report.changes import Change
from rung.report.html import charts
from rung.report.html.markup import Safe, el, join, scrolling
from rung.report.numbers import DASH, count, interval, percent, points, points_interval
from rung.verdict.bar import MAIN
from rung.web.shell import href
from rung.web.side_by_side import CaseChanges, Column

_TONES = {"better": "good", "worse": "bad"}
_NAMED = 200  # ids that are listed


def beside_part(columns: tuple[Column, ...], *, names: bool) -> Safe:
    """All of it. `names`: whether who looks may see the ids of cases."""
    first, *others = columns
    parts = [_scores(columns)]
    for one in others:
        parts.append(_against(first, one, names=names))
    return join(*parts)


def _scores(columns: tuple[Column, ...]) -> Safe:
    rungs = list(dict.fromkeys(name for column in columns for name in column.scores))
    heads = [el("th", "Rung", scope="col")]
    for column in columns:
        link = el("a", f"Run {column.number}", href=href("runs", column.number))
        heads.append(el("th", link, el("span", column.created, cls="n"), scope="col"))
    rows = []
    for rung in rungs:
        cells = [el("td", *_score(column.scores.get(rung), chosen=column.winner == rung)) for column in columns]
        rows.append(el("tr", el("th", rung, scope="row", dir="auto"), *cells))
    bars = [el("td", column.bar) for column in columns]
    rows.append(el("tr", el("th", "Bar", scope="row"), *bars))
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="numbers", aria_label="Scores")
    about = el("p", f"Means of {MAIN} with their 95 % intervals, each over the cases of its own run.", cls="quiet")
    scores = scrolling(table, "Scores")
    return el("section", el("h2", "Scores"), about, scores)


def _score(estimate: Estimate | None, *, chosen: bool) -> list[Safe]:
    if estimate is None or estimate.mean is None:
        return [Safe(DASH)]
    tag = join(el("span", "the choice", cls="tag"), " ") if chosen else Safe("")
    return [tag, join(percent(estimate.mean), " ", el("span", interval(estimate), cls="ends"))]


def _against(first: Column, one: Column, *, names: bool) -> Safe:
    assert one.changes is not None  # the first alone has none
    changes = one.changes
    about = (
        f"Run {one.number} minus run {first.number}, in points of {MAIN}, on {count(changes.cases, 'case')} that both "
        "judged by: paired tests at 5 %, corrected for the number of rungs."
    )
    choice = f"The choice: {first.winner or 'none'}, then {one.winner or 'none'}."
    ends = [e for c in changes.rungs if c.difference and (e := c.difference.estimate).low is not None]
    scale = charts.covering([(e.low or 0.0, e.high or 0.0) for e in ends]) if ends else charts.SHARES
    rows = [_change(change, scale) for change in changes.rungs]
    heads = (
        ("Rung", None),
        ("", "drawn"),
        ("difference", "number"),
        ("p", "number"),
        ("", None),
        ("settings that differ", None),
    )
    head = el("tr", *(el("th", words or _unseen(kind), scope="col", cls=kind) for words, kind in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list live", aria_label="Differences")
    return el(
        "section",
        el("h2", f"Run {one.number} against run {first.number}"),
        el("p", about, cls="quiet"),
        el("p", choice, dir="auto"),
        scrolling(table, f"Differences of run {one.number}"),
        el("h3", "What changed between them"),
        _cases(one.cases, names=names),
        _others(one, first.number),
    )


def _unseen(kind: str | None) -> Safe:
    return el("span", "interval" if kind == "drawn" else "in words", cls="unseen")


def _change(change: Change, scale: charts.Scale) -> Safe:
    name = el("th", change.rung, scope="row", dir="auto")
    settings = el("td", ", ".join(change.settings))
    words = el("td", el("b", change.how, cls=_TONES.get(change.how)) if change.how in _TONES else change.how)
    if change.difference is None:
        return el("tr", name, el("td", ""), el("td", DASH, cls="number"), el("td", DASH, cls="number"), words, settings)
    e, p = change.difference.estimate, change.difference.p
    title = f"{change.rung}: {points(e.mean)} points, {points_interval(e)}"
    picture = charts.interval_row(e.mean, e.low, e.high, scale=scale, title=title, style="gap")
    difference = join(el("b", points(e.mean, digits=1)), " ", el("span", points_interval(e), cls="ends"))
    shown = f"{p:.2g}" if p >= 0.001 else "< 0.001"
    return el("tr", name, el("td", picture, cls="drawn"), el("td", difference, cls="number"), el("td", shown, cls="number"),
              words, settings)  # fmt: skip


def _cases(cases: CaseChanges, *, names: bool) -> Safe:
    parts = []
    for words, ids in (("added", cases.added), ("gone", cases.gone), ("changed, so that they are others", cases.altered)):
        if ids and names:
            more = f" … {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
            listed = el("p", ", ".join(ids[:_NAMED]), more, cls="quiet small", dir="auto")
            parts.append(el("details", el("summary", f"{count(len(ids), 'case')} {words}"), listed))
        elif ids:
            parts.append(el("p", f"{count(len(ids), 'case')} {words}"))
    return join(*parts) if parts else el("p", "The cases are the same.")


def _others(one: Column, first: int) -> Safe:
    if not one.others:
        return el("p", "Models, settings, documents and bar are the same, as far as both say.")
    rows = []
    for what, before, after in one.others:
        cells = [el("td", text or DASH, dir="auto") for text in (before, after)]
        rows.append(el("tr", el("th", what, scope="row", dir="auto"), *cells))
    heads = ("What", f"run {first}", f"run {one.number}")
    head = el("tr", *(el("th", words, scope="col") for words in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return scrolling(table, f"What changed in run {one.number}")
