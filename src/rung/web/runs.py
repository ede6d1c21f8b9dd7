"""The runs of a project: all its verdicts, and one as its report shows it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from rung.errors import Damaged, UserError
from rung.pipeline.publishing import Line, Published, published, read_list
from rung.records import Json
from rung.report.html.markup import Safe, el, join
from rung.report.numbers import count
from rung.web.project_at_hand import project_of
from rung.web.shell import Tab, href, page
from rung.web.stored_page import stored_page
from rung.web.viewer import viewer_of

router = APIRouter()
TABS = (Tab("", "Runs", "runs"),)
_SECTIONS = ("verdict", "quality", "price", "gaps", "losses", "warnings", "scores", "learning", "basis")

Number = Annotated[int, Path(ge=1, lt=10**7)]


@router.get("")
def runs(request: Request) -> Response:
    """All runs, the last one first."""
    project = project_of(request)
    lines = list(reversed(read_list(project)))
    if not lines:
        why = el("p", "There is no run yet. ", el("code", f"rung compare {project.root}"), " makes the first.")
        return page(request, "Runs", why)
    rows = []
    for line in lines:
        try:
            summary = _summary(published(project, str(line.number)))
        except (Damaged, UserError) as error:
            summary = [el("td", str(error), colspan=4, cls="quiet")]
        rows.append(el("tr", _named(line), *summary))
    head = el("tr", *(el("th", words, scope="col") for words in ("Run", "Made", "Choice", "Correct", "Cases", "Bar")))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return page(request, "Runs", el("p", count(len(lines), "run"), cls="quiet"), el("div", table, cls="scroll"))


@router.get("/runs/{number}")
def run(request: Request, number: Number) -> Response:
    """One run: the sections of its report."""
    verdict = published(project_of(request), str(number))
    shown = stored_page(verdict, viewer_of(request).groups)
    return page(request, f"Run {number}", *shown.of(*_SECTIONS))


def _named(line: Line) -> Safe:
    trial = el("span", "trial", cls="tag plain") if line.trial else Safe("")
    return join(
        el("th", el("a", f"Run {line.number}", href=href("runs", line.number)), " ", trial, scope="row"),
        el("td", line.created),
    )


def _summary(verdict: Published) -> list[Safe]:
    entry = verdict.said
    rungs: Json = entry["rungs"]
    assert isinstance(rungs, list)
    return [
        el("td", verdict.winner or "none"),
        el("td", "", cls="number"),
        el("td", str(entry["cases"]), cls="number"),
        el("td", "cleared" if verdict.clears_bar else "missed"),
    ]
