"""The cases of a run: filtered, the urgent ones first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.pipeline.evaluation_store import EVALUATIONS
from rung.pipeline.publishing import published, read_list
from rung.report.contents import WHAT_IS_RIGHT, layer_words
from rung.report.html.cases import mark_sign
from rung.report.html.markup import Safe, el, join, scrolling, shorten
from rung.report.numbers import count
from rung.web.background import Background, Underway, wait_page
from rung.web.by_stamp import stamp_of
from rung.web.case_index import ANY, MARKS, OUTCOMES, UNANSWERED, WRONG, CaseFilter, CaseIndex
from rung.web.case_reading import read_index
from rung.web.document_access import groups_of
from rung.web.forms import choice, paged, pager
from rung.web.project_at_hand import project_of
from rung.web.runs import Number
from rung.web.shell import Tab, href, page
from rung.web.viewer import Viewer, viewer_of, words_for

router = APIRouter()
TABS = (Tab("cases", "Cases", pattern="runs/[0-9]+/cases/"),)
PER_PAGE = 50
RETAINED = 2  # verdicts whose index is in memory
_QUESTION = 300  # characters of a question in the list
_OUTCOME_WORDS = {"right": "right", "partly": "partly right", "wrong": "wrong", "none": "no answer"}

PageNumber = Annotated[int, Query(ge=1, le=10**6)]


@cache
def indexes() -> Background[CaseIndex]:
    """The indexes of verdicts in this process."""
    return Background(RETAINED)


def index_of_run(request: Request, number: int) -> CaseIndex | Underway:
    """The index of a run, or how far it is read.

    Raises:
        UserError: there is no such run, or its answers are gone.
    """
    project = project_of(request)
    verdict = published(project, str(number))
    stamp = stamp_of(verdict.folder / EVALUATIONS)
    return indexes().get(str(verdict.folder), stamp, lambda tell: read_index(project, verdict, tell))


def number_of(index: CaseIndex, id: str, groups: frozenset[str] | None) -> int:
    """A case's number in the index, where a viewer may read it.

    Raises:
        HTTPException: 404; what is not theirs is as what is not there.
    """
    number, readable = index.number(id), index.readable(groups)
    if number is None or (readable is not None and not readable.cases[number]):
        raise HTTPException(404, f"this run has no case '{shorten(id, most=100)}' that you may read")
    return number


@router.get("/cases")
def last_cases(request: Request) -> Response:
    """Those of the last run that was no trial; where there are trials only, of the last one."""
    listed = read_list(project_of(request))
    if not listed:
        return page(request, "Cases", el("p", "There is no run yet: 'rung compare' makes the first."))
    last = next((line for line in reversed(listed) if not line.trial), listed[-1])
    return RedirectResponse(href("runs", last.number, "cases"), 303)


@router.get("/runs/{number}/cases")
def cases(request: Request, number: Number, asked: Annotated[CaseFilter, Depends()], at: PageNumber = 1) -> Response:
    """The cases that a filter takes."""
    index, title = index_of_run(request, number), f"Cases of run {number}"
    if isinstance(index, Underway):
        return wait_page(request, title, "Reading the answers of this run", index)
    asked = replace(asked, document=asked.document.strip(), text=asked.text.strip())
    check_filter(asked, index)
    viewer = viewer_of(request)
    numbers = matches(request, index, asked)
    listed = _listed(index, asked, numbers, viewer, run=number, at=at)
    remarks = [
        el("p", words_for(viewer, remark, "The project's cases cannot be read"), cls="notice") for remark in index.remarks
    ]
    about = el("p", _order_words(index), " ", WHAT_IS_RIGHT, cls="quiet small")
    back = el("p", el("a", f"Run {number}", href=href("runs", number)), cls="small")
    results = el("div", *listed, id="results")
    return page(request, title, back, about, *remarks, _form(index, asked, number), results, scripts=("live.js",))


def matches(request: Request, index: CaseIndex, asked: CaseFilter) -> NDArray[np.int32]:
    """The numbers of the cases that a filter takes, for who looks, as documents may be read now."""
    groups = viewer_of(request).groups
    return index.matching(asked, groups, {} if groups is None else groups_of(project_of(request)))


def check_filter(asked: CaseFilter, index: CaseIndex) -> None:
    """Refuse a filter by what the run does not have.

    Raises:
        HTTPException: 404.
    """
    if asked.rung and asked.rung not in index.rungs:
        raise HTTPException(404, f"this run has no answers of a rung '{asked.rung}'")
    if asked.differs not in ("", ANY, *index.rungs):
        raise HTTPException(404, f"this run has no answers of a rung '{asked.differs}'")
    if asked.outcome and asked.outcome not in OUTCOMES:
        raise HTTPException(404, f"no outcome is called '{asked.outcome}'; there are: {', '.join(OUTCOMES)}")


def _order_words(index: CaseIndex) -> str:
    whose = f"that the choice, {index.winner}, got wrong" if index.winner else "that most rungs got wrong"
    return f"Cases {whose} come first."


def _form(index: CaseIndex, asked: CaseFilter, run: int) -> Safe:
    rungs = [(name, name) for name in index.rungs]
    layers = [(name, layer_words(name)) for name in sorted(filter(None, index.layer_names))]
    apart = [("", "any"), (ANY, "rungs came out differently"), *((name, f"differently from {name}") for name in index.rungs)]
    return el(
        "form",
        choice("Rung", "rung", [("", "any rung"), *rungs], asked.rung),
        choice("Outcome", "outcome", [("", "any"), *_OUTCOME_WORDS.items()], asked.outcome),
        choice("Lost in", "layer", [("", "any layer"), *layers], asked.layer),
        choice("Disagreement", "differs", apart, asked.differs),
        _search("Document named or cited", "document", asked.document),
        _search("Words in question or answers", "text", asked.text),
        el("button", "Show", data_noscript=True),
        el("a", "All cases", href=href("runs", run, "cases"), cls="button"),
        method="get", action=href("runs", run, "cases"), cls="row filters", data_live=True, data_into="results",
        aria_label="Filter the cases",
    )  # fmt: skip


def _search(label: str, name: str, value: str) -> Safe:
    return el("label", label, el("input", type="search", name_=name, value=value, autocomplete="off", maxlength=500))


def _listed(
    index: CaseIndex, asked: CaseFilter, numbers: NDArray[np.int32], viewer: Viewer, *, run: int, at: int
) -> list[Safe]:
    """What stands below the form."""
    readable = index.readable(viewer.groups)
    whole = len(index.ids) if readable is None else int(readable.cases.sum())
    words = f"{len(numbers):,} of {count(whole, 'case')}"
    if whole < len(index.ids):
        words += f"; {count(len(index.ids) - whole, 'further case')} left out: made of documents that are not for you"
    at, pages, rows = paged(len(numbers), at, PER_PAGE)
    shown = numbers[rows].tolist()
    around = [href("runs", run, "cases", **asdict(asked), at=at + step) for step in (-1, 1)]
    parts = [el("p", words, role="status", aria_live="polite", cls="quiet")]
    if len(numbers):
        parts += [_counts(index, asked, numbers, run), _table(index, shown, run, asked), pager(at, pages, around)]
    return parts


def _counts(index: CaseIndex, asked: CaseFilter, numbers: NDArray[np.int32], run: int) -> Safe:
    """How each rung came out on these cases; every number shows its cases."""
    rows = []
    for rung, counts in zip(index.rungs, index.counts(numbers).tolist(), strict=True):
        cells = []
        for outcome, mark in OUTCOMES.items():
            address = href("runs", run, "cases", rung=rung, outcome=outcome, document=asked.document, text=asked.text)
            number = f"{counts[mark]:,}"
            cells.append(el("td", el("a", number, href=address) if counts[mark] else number, cls="number"))
        rows.append(el("tr", el("th", rung, scope="row"), *cells))
    heads = [el("th", "Rung", scope="col"), *(el("th", w, scope="col", cls="number") for w in _OUTCOME_WORDS.values())]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="list")
    words = "How each rung came out on these cases"
    return el("details", el("summary", words), scrolling(table, words))


def _table(index: CaseIndex, shown: Sequence[int], run: int, asked: CaseFilter) -> Safe:
    heads = [el("th", "Question", scope="col"), *(el("th", rung, scope="col", cls="rung") for rung in index.rungs)]
    rows = [el("tr", _named(index, case, run, asked), *_signs(index, case)) for case in shown]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="list cases")
    return scrolling(table, "Cases")


def _named(index: CaseIndex, case: int, run: int, asked: CaseFilter) -> Safe:
    question = index.questions[case]
    words = shorten(question, most=_QUESTION) if question else "(what was asked is not stored any more)"
    gone = Safe("") if index.places[case] else el("span", "no longer in the project", cls="tag plain")
    link = el("a", words, href=href("runs", run, "cases", index.ids[case], **asdict(asked)), dir="auto")
    return el("th", link, " ", gone, scope="row", cls="asked")


def _signs(index: CaseIndex, case: int) -> list[Safe]:
    cells = []
    for number, rung in enumerate(index.rungs):
        mark = MARKS[index.marks[number, case]]
        layer = layer_words(index.layer_names[index.layers[number, case]])
        if index.marks[number, case] == UNANSWERED or mark is None:
            cells.append(el("td", el("span", "–", title=f"{rung}: no answer"), cls="quiet"))
            continue
        words = f"{mark}: {layer}" if index.marks[number, case] == WRONG and layer else str(mark)
        lost = el("span", layer, cls="quiet small") if layer else Safe("")
        cells.append(el("td", join(mark_sign(mark, words), " ", lost)))
    return cells
