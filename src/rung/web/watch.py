"""Watch: what the detectors found last, the alerts, and what to do; a button looks once, now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.records.alerts import Alert, AlertEvent
from rung.report.html.markup import Safe, el, scrolling
from rung.report.numbers import count, significant
from rung.state.alerts import all_alerts, last_look, recent_events
from rung.watching.looking import COULD
from rung.watching.running import Watching
from rung.web.jobs import background_of, job_pane
from rung.web.project_at_hand import at_hand_of
from rung.web.reviewer import reviewer_of
from rung.web.shell import Tab, href, page
from rung.web.viewer import Viewer, editor_of, viewer_of

router = APIRouter()
TABS = (Tab("watch", "Watch"),)
JOB = "watch"
EVENTS = 30
_FIRST = {"firing": 0, "pending": 1, "resolved": 2, "ok": 3}
_STATES = {"firing": "firing", "pending": "drifted, not told yet", "resolved": "ended", "ok": "quiet"}
_READ = {"fine": "fine", "between": "between", "drifted": "drifted", "unknown": "could not be told"}


@router.get("/watch")
def watch(request: Request) -> Response:
    """What the last look found."""
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    state = at_hand.state()
    look, alerts, events = last_look(state), all_alerts(state), recent_events(state, limit=EVENTS)
    parts = [job_pane(background_of(at_hand).job(JOB), viewer)]
    if not look.number:
        parts.append(
            el("p", "Nobody has looked yet. ", el("code", f"rung watch {at_hand.folder}"), " looks, or the button.")
        )
    else:
        firing = [one for one in alerts.values() if one.state == "firing"]
        words = f"Look {look.number:,}, {_time(look.at)} UTC: {count(len(firing), 'alert')} firing."
        parts.append(el("p", words, cls="lead"))
    if viewer.may_edit:
        parts.append(el("form", el("button", "Look now", cls="main"), method="post", action=href("watch"), cls="row"))
    if viewer.groups is not None and alerts:
        why = "What readings say in words may hold questions and names of documents: it is for who may read everything."
        parts.append(el("p", why, cls="quiet small"))
    worth_a_row = (one for one in alerts.values() if one.reading.name != COULD or one.reading.state != "fine")
    shown = sorted(worth_a_row, key=lambda one: (_FIRST[one.state], one.key))
    if shown:
        parts.append(_table(shown, viewer))
    if events:
        parts.append(_events(events, viewer))
    return page(request, "Watch", *parts, scripts=("again.js",))


@router.post("/watch")
def look_now(request: Request) -> Response:
    """Look once, as `rung watch` does, in the background."""
    editor_of(request)
    at_hand = at_hand_of(request)

    def work() -> str:
        with Watching(at_hand.folder) as watching:
            looked = watching.once()
        report = looked.report
        wrong = "".join(f"; {part}: {why}" for part, why in looked.failed.items())
        waits = f"; not looked at again within the hour: {', '.join(report.waiting)}" if report.waiting else ""
        return f"look {report.look}: {count(len(report.firing), 'alert')} firing{waits}{wrong}"

    background_of(at_hand).start(JOB, "A look", work, by=reviewer_of(request))
    return RedirectResponse(href("watch"), 303)


def _table(alerts: Sequence[Alert], viewer: Viewer) -> Safe:
    heads = ("What", "Alert", "Last reading", "Figure", "Drifted at", "False alarms", "Says, and what to do")
    rows = []
    for alert in alerts:
        reading = alert.reading
        title = alert.title if viewer.groups is None else reading.name
        states = f"{_STATES[alert.state]} since look {alert.since:,}" if alert.state != "ok" else _STATES["ok"]
        cls = "bad" if alert.state == "firing" else None
        read = "unknown" if alert.blind else reading.state
        fact = "" if reading.state == "unknown" else "none: a fact is counted"
        false = f"at most {reading.false_alarms:.2g} per {reading.per}" if reading.false_alarms else fact
        cells = [el("td", el("span", states, cls=cls)), el("td", _READ[read])]
        cells += [el("td", _number(one), cls="number") for one in (reading.figure, reading.limit)]
        cells += [el("td", false), el("td", *_words(alert, viewer), dir="auto")]
        rows.append(
            el("tr", el("th", el("span", alert.detector, cls="quiet small"), " ", title, scope="row", dir="auto"), *cells)
        )
    numbers = ("Figure", "Drifted at")
    head = el("tr", *(el("th", words, scope="col", cls="number" if words in numbers else None) for words in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list watch")
    return scrolling(table, "Readings")


def _words(alert: Alert, viewer: Viewer) -> list[Safe]:
    if viewer.groups is not None:
        return []
    reading = alert.reading
    parts = [el("p", reading.says)] if reading.says != alert.blind else []
    parts += (
        [el("p", f"Not told for {count(alert.unknown, 'look')}: {alert.blind}", cls="quiet small")] if alert.blind else []
    )
    parts += [el("p", el("b", "To do: "), reading.do)] if reading.do else []
    parts += [el("p", reading.test, cls="quiet small")] if reading.test else []
    return parts


def _events(events: Sequence[AlertEvent], viewer: Viewer) -> Safe:
    rows = []
    for event in events:
        subject = f" ({event.reading.subject})" if event.reading.subject and viewer.groups is None else ""
        why = event.why if viewer.groups is None else ""
        cells = (event.state, f"{event.detector}, {event.reading.name}{subject}", why)
        row = [el("td", _time(event.at)), *(el("td", one, dir="auto") for one in cells)]
        rows.append(el("tr", el("th", f"Look {event.look:,}", scope="row"), *row))
    head = el("tr", *(el("th", words, scope="col") for words in ("Look", "At (UTC)", "Alert", "Of", "Why")))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    scrolled = scrolling(table, "What happened")
    return el("section", el("h2", "What happened"), scrolled)


def _number(value: float | None) -> str:
    return "" if value is None else significant(value)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
