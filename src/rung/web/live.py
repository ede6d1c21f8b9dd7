"""The comparison that runs now, growing; started, paused, given more budget and stopped from the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from rung.errors import UserError
from rung.pipeline.publishing import read_list
from rung.pipeline.run_control import Change, ask, asked_of
from rung.pipeline.run_record import VERDICT, RunRecord, read_record
from rung.report.html.markup import Safe, el, join
from rung.serving import sse
from rung.web.detached import Asked, log_lines, start_comparison
from rung.web.forms import Sent, number_in, text_in
from rung.web.live_parts import now_part, shown_for, when
from rung.web.project_at_hand import project_of
from rung.web.shell import HEADERS, Tab, href, page
from rung.web.viewer import editor_of, viewer_of, words_for

router = APIRouter()
TABS = (Tab("live", "Live"),)
LOOKS = 1.0  # seconds between two looks at the record
LASTS = 10.0  # seconds of one stream: then the browser asks again, and who it is is looked at again
AGAIN = 300  # milliseconds until it does


@router.get("/live")
def live(request: Request) -> Response:
    """How it stands, and what can be done about it."""
    project, viewer = project_of(request), viewer_of(request)
    record = read_record(project)
    parts: list[Safe] = [
        el("p", cls="unseen", role="status", id="standing"),
        now_part(record, datetime.now(UTC), reads_all=viewer.groups is None),
        el("p", el("a", "Look again", href=href("live")), data_noscript=True),
    ]
    if record is not None and record.state.run.ended == VERDICT and not record.running:
        parts.append(_to_the_run(request))
    if viewer.may_edit:
        asked = "" if record is None or not record.running else _asked(request, record)
        parts += [el("p", asked, cls="notice") if asked else Safe(""), _steering(record), _starting(record)]
        if lines := log_lines(project) if viewer.groups is None else ():
            output = el("pre", "\n".join(lines), tabindex="0", dir="auto")
            parts.append(el("details", el("summary", "Output of the last one that was started here"), output))
    return page(request, "Live", *parts, scripts=("live_run.js",))


@router.get("/live/events")
async def events(request: Request) -> Response:
    """The same as events: each the part of the page that is drawn anew."""
    project, viewer = await run_in_threadpool(project_of, request), viewer_of(request)

    def drawn() -> tuple[list[str], Safe]:
        record = read_record(project)
        return shown_for(record), now_part(record, datetime.now(UTC), reads_all=viewer.groups is None)

    async def stream() -> AsyncGenerator[bytes]:
        yield f"retry: {AGAIN}\n\n".encode()
        ends, before = time.monotonic() + LASTS, Safe("")
        while True:
            shown, part = await run_in_threadpool(drawn)
            if part != before:
                before = part
                yield sse.event({"shown": [*shown], "html": str(part)})
            if time.monotonic() >= ends:
                return
            await asyncio.sleep(LOOKS)

    return StreamingResponse(stream(), media_type=sse.MEDIA_TYPE, headers={**HEADERS, **sse.HEADERS})


@router.post("/live/steer")
def steer(request: Request, sent: Sent) -> Response:
    """Pause, go on, more budget, stop."""
    editor_of(request)
    minutes, usd = number_in(sent, "minutes", "Minutes") or 0.0, number_in(sent, "usd", "Dollars") or 0.0
    changes = {
        "pause": Change(pause=True),
        "resume": Change(pause=False),
        "stop": Change(stop=True),
        "more": Change(more_minutes=minutes, more_usd=usd),
    }
    change = changes.get(text_in(sent, "do"))
    if change is None:
        raise HTTPException(400, "this page cannot do that")
    ask(project_of(request), change)
    return RedirectResponse(href("live"), 303)


@router.post("/live/start")
def start(request: Request, sent: Sent) -> Response:
    """Begin a comparison, which goes on without the browser and this server."""
    viewer = editor_of(request)
    limit = number_in(sent, "limit", "Cases")
    if limit is not None and (limit != int(limit) or limit < 1):
        raise HTTPException(400, "Cases: a whole number from 1 up, or nothing for all")
    minutes, usd = number_in(sent, "minutes", "Minutes"), number_in(sent, "usd", "Dollars")
    try:
        start_comparison(project_of(request), Asked(None if limit is None else int(limit), minutes, usd))
    except UserError as error:
        raise UserError(words_for(viewer, str(error), "the comparison did not begin")) from error
    return RedirectResponse(href("live"), 303)


def _to_the_run(request: Request) -> Safe:
    lines = read_list(project_of(request))
    return (
        el("p", "The last run: ", el("a", f"Run {lines[-1].number}", href=href("runs", lines[-1].number)))
        if lines
        else Safe("")
    )


def _asked(request: Request, record: RunRecord) -> str:
    """What it was asked for and has not done yet."""
    orders = asked_of(project_of(request), record)
    if orders.stop:
        return "It is to stop, and does so at its next step."
    if orders.pause != record.is_paused:
        return f"It is to {'pause' if orders.pause else 'go on'}, and does so at its next step."
    return ""


def _steering(record: RunRecord | None) -> Safe:
    def button(do: str, words: str, shown: str, *, asks: str | None = None) -> Safe:
        return el("button", words, name_="do", value=do, data_confirm=asks, **when(shown, record))

    stops = "Stop the comparison? What is done is kept, and the next one goes on from there."
    buttons = (
        button("pause", "Pause", "running"),
        button("resume", "Go on", "paused"),
        button("stop", "Stop", "running paused", asks=stops),
    )
    more = (
        _field("minutes", "More minutes", shown="minutes", record=record),
        _field("usd", "More dollars", shown="usd", record=record),
        el("button", "Add to its budget", name_="do", value="more"),
    )
    to = href("live", "steer")
    steering = el("form", *buttons, method="post", action=to, cls="row")
    return join(steering, el("form", *more, method="post", action=to, cls="row", **when("minutes usd", record)))


def _starting(record: RunRecord | None) -> Safe:
    fields = (
        _field("limit", "Cases (empty: all; else a trial run)", step="1"),
        _field("minutes", "At most minutes"),
        _field("usd", "At most dollars"),
    )
    about = (
        "It goes on when this page, or this server, is closed. What is known from earlier comparisons is not asked again."
    )
    button = el("button", "Start", cls="main")
    form = el("form", *fields, button, method="post", action=href("live", "start"), cls="row")
    head = el("h2", "Start a comparison")
    return el("section", head, el("p", about, cls="quiet"), form, **when("none ended died", record))


def _field(name: str, words: str, *, step: str = "any", shown: str = "", record: RunRecord | None = None) -> Safe:
    control = el("input", type="number", name_=name, min="0", step=step, inputmode="decimal")
    return el("label", words, control, **(when(shown, record) if shown else {}))
