"""The comparison that runs, or ran last, as parts of a page: how it stands, each rung so far, work, messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rung.pipeline.run_record import VERDICT, RunRecord
from rung.records.run_state import RungEvent, RunState, WorkEvent
from rung.report.board import ACTIVE, clock_time, columns_of, times_line
from rung.report.html import charts
from rung.report.html.markup import Safe, el, join, scrolling
from rung.report.numbers import count
from rung.verdict.bar import MAIN

WIDE = 400  # columns of a terminal in which every number has room


def standing_of(record: RunRecord | None) -> str:
    """One word: "none", "running", "paused", "ended" or "died"."""
    if record is None:
        return "none"
    return "paused" if record.is_paused else record.status


def shown_for(record: RunRecord | None) -> list[str]:
    """What of a page is shown now, by the words in `data-when`: how it stands, and which budget may be added to."""
    run = None if record is None or not record.running else record.state.run
    budgets = {"minutes": run and run.seconds_allowed, "usd": run and run.usd_allowed}
    return [standing_of(record), *(name for name, allowed in budgets.items() if allowed is not None)]


def when(words: str, record: RunRecord | None) -> dict[str, str | bool]:
    """Attributes of what is shown where one of these words holds; the page's script does the same as it changes."""
    return {"data_when": words, "hidden": not set(words.split()) & set(shown_for(record))}


def now_part(record: RunRecord | None, now: datetime, *, reads_all: bool) -> Safe:
    """What is drawn anew while it goes on.

    Args:
        record: the comparison.
        now: the time.
        reads_all: whether who looks may read everything; else why it ended, and what was said meanwhile, is left out.
    """
    standing = standing_of(record)
    if record is None:
        body: list[Safe] = [el("p", "No comparison is recorded here yet.")]
    else:
        body = [
            el("p", _headline(record, reads_all=reads_all), cls=f"chip {_TONES[standing]}"),
            *_facts(record, now),
            _work(record.state.work) if record.running else Safe(""),
            _table(record.state),
            _messages(record.messages, shown=reads_all),
        ]
    return el("div", *body, id="now", data_standing=standing)


_TONES = {"running": "good", "paused": "neutral", "ended": "neutral", "died": "bad"}


def _headline(record: RunRecord, *, reads_all: bool) -> str:
    run = record.state.run
    if record.is_paused:
        return "Paused"
    if record.status == "running":
        return "Running"
    if record.status == "died":
        return "Died: it ended without a word"
    if run.ended == VERDICT:
        return f"Ended with a verdict: {run.winner or 'none can be chosen'}"
    return f"Ended without a verdict{f': {run.ended}' if reads_all else ''}"


def _facts(record: RunRecord, now: datetime) -> list[Safe]:
    run, clock = record.state.run, record.clock(now)
    since = f"Begun {record.began.astimezone():%Y-%m-%d %H:%M} on {record.host}, process {record.process}."
    if record.status == "died":
        since += f" Last heard of at {record.at.astimezone():%H:%M:%S}. A new comparison goes on from there."
    by = f", {MAIN} by {run.judged_by}" if run.judged_by else ""
    so_far = ", so far" if record.running else ""
    judged = "" if run.cases is None else f"{count(run.cases, 'case')}{by}, 95 % intervals{so_far}. "
    state = replace(record.state, run=replace(run, paused=None))  # the headline says it
    words = times_line(state, clock) if record.running else f"It worked for {clock_time(clock.elapsed)}"
    return [el("p", f"{judged}{words}."), el("p", since, cls="quiet small")]


def _work(work: WorkEvent) -> Safe:
    if not work.title:
        return Safe("")
    done = f"{work.done:,} of {work.total:,}" if work.total else f"{work.done:,}" if work.done else ""
    words = ", ".join(part for part in (done, work.note) if part)
    bar = el("progress", value=work.done, max=work.total, aria_label=work.title) if work.total else Safe("")
    return el("p", el("b", work.title), " ", bar, f" {words}", cls="work")


def _table(state: RunState) -> Safe:
    if not state.rungs:
        return Safe("")
    shape = columns_of(state, WIDE)
    heads = [el("th", column.head or "state", scope="col", cls=_kind(column.head)) for column in shape]
    heads.insert(2, el("th", el("span", "interval", cls="unseen"), scope="col", cls="drawn"))
    rows = []
    for rung in state.ladder:
        tag = join(" ", el("span", "reference", cls="tag plain")) if rung.reference else Safe("")
        cells = [el("th", rung.rung, tag, scope="row", dir="auto")]
        cells += [el("td", column.cell(rung), cls=_kind(column.head)) for column in shape[1:-1]]
        cells.append(el("td", shape[-1].cell(rung), el("span", rung.note, cls="note", dir="auto") if rung.note else ""))
        cells.insert(2, el("td", _picture(rung, chosen=rung.rung == state.run.winner), cls="drawn"))
        rows.append(el("tr", *cells, cls="active" if rung.state in ACTIVE else None))
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="list live")
    return scrolling(table, "Rungs so far")


def _kind(head: str) -> str | None:
    return None if head in ("", "rung") else "number"


def _picture(rung: RungEvent, *, chosen: bool) -> Safe:
    estimate = (rung.scores or {}).get(MAIN)
    if estimate is None or estimate.mean is None:
        return Safe("")
    style = "chosen" if chosen else "reference" if rung.reference else "rung"
    title = f"{rung.rung}: {estimate.mean:.2f}, on {count(rung.judged or 0, 'case')}"
    return charts.interval_row(estimate.mean, estimate.low, estimate.high, scale=charts.SHARES, title=title, style=style)


def _messages(messages: tuple[str, ...], *, shown: bool) -> Safe:
    if not messages:
        return Safe("")
    if not shown:
        hidden = f"{count(len(messages), 'message')}, for who may read everything: they may name rows and files."
        return el("p", hidden, cls="quiet small")
    items = [el("li", message, dir="auto") for message in reversed(messages)]
    return join(el("h2", "Messages"), el("ul", *items, cls="messages"))
