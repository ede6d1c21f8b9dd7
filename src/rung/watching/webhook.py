"""Tells a webhook of what fired and what ended: one POST of JSON, with little patience, tried again at the next look.

The address may hold a secret, so that messages have its host alone, and the client's own log keeps still. Where an event
was not delivered it waits in the database, oldest first; one that was delivered while this process was killed, or by another
watch at the same time, is delivered again, by the same number.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence

from rung.config.addresses import host_of
from rung.config.project import Project
from rung.config.watching import ELSEWHERE
from rung.errors import UserError
from rung.records import Json, plain
from rung.records.alerts import AlertEvent
from rung.state.alerts import backlog, delivered, undelivered
from rung.state.database import State

SECONDS = 5.0  # until a connection, and until the next byte
WHOLE = 10.0  # seconds of it all, whatever the other side does
AT_ONCE = 100  # events of one POST
MOST = 200  # events that waited are told, the newest
FORMAT = 1
_CLIENT = ("httpx", "httpcore")  # loggers that write whole addresses below WARNING


def address(project: Project, given: str = "") -> str:
    """The webhook: as given, else by the environment, else as `rung.yaml` says; "": there is none.

    Raises:
        UserError: it is no address.
    """
    url = given or os.environ.get(ELSEWHERE, "") or project.settings.watch.webhook
    if url and not (url.startswith(("http://", "https://")) and host_of(url)):
        raise UserError("the webhook is no address: write https://HOST/…")
    return url


def tell(state: State, project: str, url: str) -> str:
    """Deliver what waits, of many the newest `MOST`. Returns why it was not, or what was left out; "" where all was.

    Args:
        state: where events wait.
        project: its name.
        url: of the webhook; "": it waits on, for whoever looks and has one.

    Raises:
        Unavailable: the database is.
    """
    if not url:
        return ""
    waiting, last = backlog(state, most=MOST)
    left_out = max(0, waiting - MOST)
    report = (
        f"the webhook was not told of the oldest {left_out:,} events that waited: {MOST} at most are sent"
        if left_out
        else ""
    )
    while events := undelivered(state, limit=AT_ONCE, after=last):
        why = _posted(url, body(project, events, left_out=left_out))
        if why:
            wait = min(waiting, MOST)
            return f"the webhook at {host_of(url)} {why}; {wait:,} events wait, and are sent again at the next look"
        last, left_out, waiting = events[-1].number, 0, min(waiting, MOST) - len(events)
        delivered(state, last)
    return report


def body(project: str, events: Sequence[AlertEvent], *, left_out: int = 0) -> dict[str, Json]:
    """What is sent. `text` is what chats show; the rest is for programs. `left_out`: older ones that waited too long."""
    lines = [
        f"{event.state.upper()} {project}: {event.reading.name}{_of(event)}: {event.why}{_do(event)}" for event in events
    ]
    if left_out:
        lines.insert(0, f"{project}: {left_out:,} earlier events were left out")
    return {
        "format": FORMAT,
        "project": project,
        "text": "\n".join(lines),
        "left_out": left_out,
        "events": [plain(event) for event in events],
    }


def _of(event: AlertEvent) -> str:
    return f" ({event.reading.subject})" if event.reading.subject else ""


def _do(event: AlertEvent) -> str:
    return f" → {event.reading.do}" if event.state == "firing" and event.reading.do else ""


def _posted(url: str, content: Mapping[str, Json]) -> str:
    """Why it was not taken, "" where it was. A thread that a webhook holds up is left behind."""
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(_post(url, content)), name="webhook", daemon=True)
    thread.start()
    thread.join(WHOLE)
    return outcome[0] if outcome else f"did not answer within {WHOLE:g} s"


def _post(url: str, content: Mapping[str, Json]) -> str:
    import httpx

    for name in _CLIENT:
        logger = logging.getLogger(name)
        logger.setLevel(max(logging.WARNING, logger.getEffectiveLevel()))
    try:
        with httpx.Client(timeout=SECONDS) as client, client.stream("POST", url, json=dict(content)) as response:
            return "" if response.is_success else f"answered {response.status_code}"  # what it says beside is not read
    except httpx.TimeoutException:
        return f"did not answer within {SECONDS:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"cannot be reached ({type(error).__name__})"
