"""Traces: what was asked of the server, and how each answer came to be, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from rung.records.traces import Trace, TraceSummary
from rung.report.html.markup import Safe, el, join, scrolling
from rung.tracing import conventions as names
from rung.tracing.reading import listed as values
from rung.tracing.reading import retrieved
from rung.tracing.store import TraceFilter, holding, listed, named
from rung.tracing.times import FORM, milliseconds
from rung.tracing.waterfall import cost_of, moment
from rung.web.document_access import may_read_all
from rung.web.project_at_hand import ProjectAtHand, at_hand_of
from rung.web.shell import Tab, href, page
from rung.web.trace_parts import steps_of, texts_of, waterfall
from rung.web.viewer import Viewer, viewer_of

router = APIRouter()
TABS = (Tab("traces", "Traces"),)
ROWS = 50  # of a page
LOOKED = 5_000  # traces whose texts one search reads


class Filter(BaseModel):
    """What is listed; `after`: the last one of the page before."""

    text: str = Field("", max_length=400)
    deployment: str = Field("", max_length=400)
    since: str = Field("", max_length=100)
    until: str = Field("", max_length=100)
    failed: str = Field("", max_length=10)
    after: str = Field("", max_length=100)


@router.get("/traces")
def traces(request: Request, asked: Annotated[Filter, Query()]) -> Response:
    """The newest, filtered, a page at a time."""
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    begin, end = (
        milliseconds(text.strip() or None, name) for text, name in ((asked.since, "From"), (asked.until, "Until"))
    )  # fmt: skip
    expected = TraceFilter(asked.deployment.strip(), "", begin, end, bool(asked.failed), _after(asked.after))
    note, last = "", None
    if text := asked.text.strip():

        def readable(trace: Trace) -> bool:
            return may_look(trace, viewer, at_hand)

        matches = holding(at_hand.state(), expected, text, limit=ROWS, most=LOOKED, readable=readable)
        shown, last = matches.traces, matches.last
        note = f"{matches.looked:,} traces with texts were looked through{', and there are older ones' if last else ''}."
        if viewer.groups is not None:
            note += " Those of askers who read more than you are not looked into."
    else:
        rows = listed(at_hand.state(), expected, limit=ROWS + 1)
        shown = tuple(rows[:ROWS])
        last = (round(shown[-1].began * 1000), shown[-1].id) if len(rows) > ROWS else None
    parts = [_filters(asked), el("p", note, cls="quiet small") if note else Safe("")]
    if shown:
        parts.append(_table(shown))
    elif not note:
        parts.append(el("p", "There are no such traces: 'rung serve' records each answer for serve.traces.days."))
    parts.append(_pages(asked, last))
    return page(request, "Traces", *parts)


@router.get("/traces/{id}")
def trace(request: Request, id: Annotated[str, Path(max_length=200)]) -> Response:
    """One answer: its conversation, or all that belong to a caller's trace."""
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    conversations = named(at_hand.state(), id)
    parts = [_one(one, viewer, at_hand) for one in conversations]
    return page(request, f"Trace {conversations[0].summary.id[:12]}", *parts)


def may_look(trace: Trace, viewer: Viewer, at_hand: ProjectAtHand) -> bool:
    """Whether somebody may see the texts of a trace: it is theirs, or of an asker who reads no more than they do, and of
    documents that they may read now."""
    if viewer.groups is None:
        return True
    groups = trace.root.attributes.get(names.GROUPS)
    is_own = viewer.caller is not None and viewer.caller.id == trace.summary.caller_id
    if not is_own and (not isinstance(groups, list) or not set(map(str, groups)) <= viewer.groups):
        return False
    documents = {str(row.get("document")) for step in trace.steps for row in retrieved(step)}
    cited = (row for row in values(trace.root.attributes.get(names.CITATIONS)) if isinstance(row, dict))
    return may_read_all(viewer, {*documents, *(str(row.get("document")) for row in cited)}, at_hand.project())


def _one(trace: Trace, viewer: Viewer, at_hand: ProjectAtHand) -> Safe:
    one, attributes = trace.summary, trace.root.attributes
    is_readable = may_look(trace, viewer, at_hand)
    groups = attributes.get(names.GROUPS)
    reads = "everything" if groups is None else ", ".join(map(str, values(groups))) or "public documents"
    facts = [
        ("Asked", f"{moment(one.began)} UTC by {one.caller} ({one.caller_id}), who reads {reads}"),
        ("Answered by", f"{one.answered_by}, strategy {one.digest[:12] or 'none'}"),
        ("Took", f"{one.seconds:.3f} s"),
        ("Tokens", f"{one.prompt_tokens:,} read ({one.cached_tokens:,} of them cached), {one.completion_tokens:,} made"),
        ("Cost", cost_of(one.usd)),
    ]
    if one.error:
        why = trace.root.message or "nothing more is said"
        facts.append(("Error", f"{one.error}: {why}" if is_readable else one.error))
    if one.trace != one.id:
        facts.append(("Part of", f"trace {one.trace}"))
    listed_facts = el("dl", *(join(el("dt", name), el("dd", value, dir="auto")) for name, value in facts), cls="facts")
    parts = [listed_facts, el("h2", "Steps"), waterfall(trace)]
    if is_readable:
        parts += [*texts_of(trace), *steps_of(trace)]
    else:
        why = "Question, answer, passages and prompts are left out: whoever asked may read more than you do."
        parts.append(el("p", why, cls="quiet"))
    return el("article", *parts)


def _filters(asked: Filter) -> Safe:
    def field(name: str, title: str, **more: str | bool) -> Safe:
        return el("label", title, el("input", name_=name, value=getattr(asked, name) or None, maxlength=400, **more))

    box = el("input", type="checkbox", name_="failed", value="yes", checked=bool(asked.failed))
    hint = f"A time is {FORM}. Texts are there where serve.traces.content in rung.yaml is true."
    return el(
        "form", field("text", "Texts hold", type="search"), field("deployment", "Deployment"),
        field("since", "From", placeholder="2h"), field("until", "Until"),
        el("label", box, " Failed", cls="check"), el("button", "Filter"),
        el("p", hint, cls="quiet small"),
        method="get", action=href("traces"), cls="row", role="search",
    )  # fmt: skip


def _table(shown: Sequence[TraceSummary]) -> Safe:
    heads = ("Began (UTC)", "Answered by", "Asked by", "Seconds", "Read", "Made", "Cost", "Error")
    numbers = ("Seconds", "Read", "Made", "Cost")
    rows = []
    for one in shown:
        at = datetime.fromtimestamp(one.began, UTC).strftime("%Y-%m-%d %H:%M:%S")
        cost = "?" if one.usd is None else f"${one.usd:.4f}"
        figures = (f"{one.seconds:.2f}", f"{one.prompt_tokens:,}", f"{one.completion_tokens:,}", cost)
        cells = [el("td", one.answered_by), el("td", one.caller, dir="auto")]
        cells += [el("td", figure, cls="number") for figure in figures]
        cells.append(el("td", one.error, cls="bad" if one.error else None))
        rows.append(el("tr", el("th", el("a", at, href=href("traces", one.id)), scope="row", cls="number"), *cells))
    head = el("tr", *(el("th", words, scope="col", cls="number" if words in numbers else None) for words in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return scrolling(table, "Traces")


def _pages(asked: Filter, last: tuple[int, str] | None) -> Safe:
    filtered = asked.model_dump(exclude={"after"})
    links = [el("a", "Newest", href=href("traces", **filtered))] if asked.after else []
    if last is not None:
        links.append(el("a", "Older", href=href("traces", **filtered, after=f"{last[0]}-{last[1]}")))
    return el("div", *links, cls="pages") if links else Safe("")


def _after(text: str) -> tuple[int, str] | None:
    at, _, id = text.partition("-")
    return (int(at), id) if at.isdecimal() and len(at) < 16 and id else None
