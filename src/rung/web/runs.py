"""The runs of a project: all its verdicts, one as its report shows it, and several beside each other."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rung.pipeline.publishing import FORMATS, published
from rung.pipeline.run_record import read_record
from rung.report.html.markup import Safe, el, join, scrolling
from rung.report.numbers import DASH, count, interval, money, percent
from rung.web.project_at_hand import project_of
from rung.web.run_list import Brief, Run, brief_of, runs_in, unlisted
from rung.web.shell import HEADERS, Tab, href, page
from rung.web.side_by_side import beside
from rung.web.side_by_side_parts import beside_part
from rung.web.stored_page import stored_page
from rung.web.viewer import viewer_of

router = APIRouter()
TABS = (Tab("", "Runs", "runs"),)
_A_PAGE = 50  # runs
_MOST_BESIDE = 8  # runs
_TYPES = {"html": "text/html", "md": "text/markdown", "json": "application/json", "junit": "application/xml"}
_TONES = {"cleared": "good", "missed": "bad", "no bar": "quiet", "unknown": "quiet"}
_NAMES = {"html": "Page", "md": "Markdown", "json": "JSON", "junit": "JUnit"}

Number = Annotated[int, Path(ge=1, lt=10**7)]


@router.get("")
def runs(request: Request, before: Annotated[int | None, Query(ge=1, lt=10**7)] = None) -> Response:
    """All runs, the last one first; `before`: those with lower numbers."""
    project = project_of(request)
    lines, wrong = runs_in(project)
    parts: list[Safe] = [el("p", words, cls="error", role="alert") for words in wrong]
    record = read_record(project)
    if record is not None and record.running:
        parts.append(el("p", "A comparison runs now. ", el("a", "Watch it", href=href("live")), cls="notice"))
    if others := unlisted(project, lines):
        words = f"{count(others, 'more run')} just being written, or left by a comparison that was killed meanwhile."
        parts.append(el("p", words, cls="quiet"))
    if not lines and not wrong:
        link, command = el("a", "start one here", href=href("live")), el("code", f"rung compare {project.root}")
        parts.append(el("p", "There is no run yet. ", command, " makes the first; or ", link, "."))
    shown = [line for line in lines if before is None or line.number < before]
    if shown:
        table = _table([brief_of(project, line) for line in shown[:_A_PAGE]])
        button = el("p", el("button", "Side by side"), " ", el("span", "Choose two runs or more.", cls="quiet small"))
        words = f"{count(len(lines), 'run')}. Times are those of a verdict's file, where it is of the day of its run."
        total = el("p", words, cls="quiet")
        parts += [total, el("form", table, button, method="get", action=href("runs", "compare"))]
    if len(shown) > _A_PAGE:
        parts.append(el("p", el("a", "Earlier runs", href=href(before=shown[_A_PAGE - 1].number)), cls="pages"))
    return page(request, "Runs", *parts)


@router.get("/runs/compare")
def compare(request: Request, run: Annotated[list[int] | None, Query()] = None) -> Response:
    """Several runs side by side: each against the first that is named."""
    numbers = list(dict.fromkeys(run or ()))
    if not 2 <= len(numbers) <= _MOST_BESIDE:
        raise HTTPException(400, f"choose two runs in the list, or up to {_MOST_BESIDE}")
    project, viewer = project_of(request), viewer_of(request)
    result = beside(project, sorted(numbers))
    return page(request, "Side by side", beside_part(result, names=viewer.groups is None), wide=len(numbers) > 3)


@router.get("/runs/{number}")
def run(request: Request, number: Number) -> Response:
    """One run: the sections of its report."""
    verdict = published(project_of(request), str(number))
    shown = stored_page(verdict, viewer_of(request).groups)
    links = [
        el("li", el("a", "Its cases", href=href("runs", number, "cases"))),
        el("li", el("a", "What if", href=href("runs", number, "what-if"))),
        *(el("li", el("a", words, href=href("runs", number, f"report.{form}"))) for form, words in _NAMES.items()),
    ]
    if number > 1:
        earlier = f"{href('runs', 'compare')}?run={number - 1}&run={number}"
        links.append(el("li", el("a", "Against the run before", href=earlier)))
    return page(request, f"Run {number}", el("ul", *links, cls="links"), *shown)


@router.get("/runs/{number}/report.{form}")
def report(request: Request, number: Number, form: str) -> Response:
    """Its report in another form, as a file; without what who asks may not read."""
    if form not in _TYPES:
        raise HTTPException(404)
    text = published(project_of(request), str(number)).text(form, viewer_of(request).groups)
    name = f"run-{number}-{FORMATS[form]}"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{_TYPES[form]}; charset=utf-8", headers=headers)


def _table(runs: list[Run]) -> Safe:
    titles = ("Choose", "Run", "Made", "Choice", "correct", "Bar", "Cases", "Models", "1,000 answers", "a month")
    numbers = ("correct", "Cases", "1,000 answers", "a month")
    head = el("tr", *(el("th", words, scope="col", cls="number" if words in numbers else None) for words in titles))
    table = el("table", el("thead", head), el("tbody", *map(_row, runs)), cls="list runs", aria_label="Runs")
    return scrolling(table, "Runs")


def _row(run: Run) -> Safe:
    line = run.line
    box = el("input", type="checkbox", name_="run", value=line.number, aria_label=f"Choose run {line.number}")
    tags = [words for words, holds in (("trial", line.trial), *_of_brief(run.brief)) if holds]
    named = join(*(join(" ", el("span", words, cls="tag plain")) for words in tags))
    if run.brief is None:
        title: Safe = el("th", f"Run {line.number}", named, scope="row")
        return el("tr", el("td", ""), title, el("td", line.created), el("td", run.wrong, colspan=7, cls="quiet"))
    title = el("th", el("a", f"Run {line.number}", href=href("runs", line.number)), named, scope="row")
    return el("tr", el("td", box), title, el("td", _when(run)), *_cells(run.brief))


def _when(run: Run) -> str:
    return run.line.created if run.written is None else f"{run.line.created} {run.written:%H:%M}"


def _of_brief(brief: Brief | None) -> tuple[tuple[str, bool], ...]:
    return () if brief is None else (("cut short", bool(brief.partial)), ("scored again", bool(brief.rescored)))


def _cells(brief: Brief) -> list[Safe]:
    score = brief.correct
    correct = DASH if score is None else join(percent(score.mean), " ", el("span", interval(score), cls="ends"))
    bar = el("span", brief.bar, cls=_TONES[brief.bar])
    return [
        el("td", brief.winner or "none", dir="auto"),
        el("td", correct, cls="number"),
        el("td", bar),
        el("td", f"{brief.cases:,}", cls="number"),
        el("td", ", ".join(brief.models) or DASH, dir="auto"),
        el("td", DASH if brief.usd_per_1k is None else money(brief.usd_per_1k), cls="number"),
        el("td", DASH if brief.per_month is None else money(brief.per_month), cls="number"),
    ]
