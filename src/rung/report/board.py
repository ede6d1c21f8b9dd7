"""A comparison while it goes on, as lines of text that fit a terminal of any size. Drawing them is left to the CLI.

The numbers stand in the columns of the verdict's table (`report.table`); on narrow terminals there are fewer of them, on low
ones fewer rungs, and it is said how many are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rung.records import ReasonKind
from rung.records.run_state import RungEvent, RunState, State
from rung.report.table import IN_SHORT, columns, latency, mean, money, padded
from rung.verdict import reasons
from rung.verdict.bar import MAIN

Style = Literal["", "bold", "dim"]
Line = tuple[str, Style]
ACTIVE: frozenset[State] = frozenset({"building", "answering", "timing"})
_OUT: frozenset[State] = frozenset({"stopped", "left out"})
_WORDS: dict[State, str] = {"planned": "to be built", "done": "answered", "left out": "n/a"}
_WHY_OUT: dict[ReasonKind, str] = {**IN_SHORT, "not_built": "not built", "not_begun": "not built"}
_ALL = 120  # columns in which all numbers have room
_MIN_ROWS = 3  # rungs that are shown before any message is


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that the run has worked; those that it takes yet at most, None where nobody can tell."""

    elapsed: float
    left: float | None = None


@dataclass(frozen=True)
class Column:
    """`cell` of width `width`, in terminals of so many columns at least. One without a head says how a rung stands."""

    head: str
    width: int
    cell: Callable[[RungEvent], str]
    least: int = 0


def board_lines(state: RunState, clock: Clock, *, width: int, height: int, messages: Sequence[str] = ()) -> list[Line]:
    """The board in at most `height` lines of at most `width` columns, each with its style.

    Args:
        state: what has happened.
        clock: what time it is.
        width: columns of the terminal.
        height: lines that may be filled.
        messages: what was said meanwhile, in full at the end.
    """
    rungs = state.ladder
    head: list[Line] = [(_cut(line, width), "") for line in (_title(state), times_line(state, clock)) if line]
    work: list[Line] = [(_cut(_work(state), width), "bold")] if state.work.title else []
    notes: list[Line] = [(_cut(line, width), "dim") for line in _messages(messages)]
    shape = columns_of(state, width)
    header: list[Line] = [(_cut(_row([column.head for column in shape], shape), width), "dim")] if rungs else []
    room = height - len(head) - len(work)
    if room < len(rungs) + len(header) + len(notes):  # what is least needed goes first
        notes = notes[:1] if room - len(header) - 1 >= min(len(rungs), _MIN_ROWS) else []
    if room - len(header) - len(notes) < min(len(rungs), _MIN_ROWS):
        head, header = head[-1:], []
        room = height - len(head) - len(work)
    rows = _rows(rungs, shape, room - len(header) - len(notes), width)
    return [*head, *header, *rows, *work, *notes][: max(height, 1)]


def _title(state: RunState) -> str:
    run = state.run
    if run.cases is None:
        return run.project or ""
    by = f" by {run.judged_by}" if run.judged_by else ""
    return f"{run.project}: {reasons.cases(run.cases)}, {MAIN}{by}, 95 % intervals, so far"


def times_line(state: RunState, clock: Clock) -> str:
    """What it has used of time and money, and what is left, in words."""
    run, parts = state.run, [f"{'paused at ' if state.run.paused else ''}{clock_time(clock.elapsed)}"]
    if clock.left is not None:
        parts.append(f"at most {clock_time(clock.left)} left")
    if run.untold:
        parts.append(f"building {', '.join(run.untold)} takes unknown time")
    if run.seconds_allowed is not None:
        parts.append(f"budget: {clock_time(max(0.0, run.seconds_allowed - clock.elapsed))} left")
    if run.usd_allowed is not None:
        parts.append(f"budget: ${run.usd or 0.0:.2f} of ${run.usd_allowed:g}")
    return "; ".join(parts)


def _work(state: RunState) -> str:
    work = state.work
    done = f": {work.done:,} of {work.total:,}" if work.total else f": {work.done:,}" if work.done else ""
    return f"> {work.title}{done}{f', {work.note}' if work.note else ''}"


def _messages(messages: Sequence[str]) -> list[str]:
    """The last ones, each on a line, the newest last."""
    if not messages:
        return []
    newest = " ".join(messages[-1].split())
    many = f"{len(messages)} messages, in full at the end; the last: " if len(messages) > 1 else ""
    return [f"{many}{newest}"]


def columns_of(state: RunState, width: int) -> list[Column]:
    """The columns that fit: the rung, its score, how far it is, and what more there is room for."""
    narrow = width < 60
    longest = max((columns(rung.rung) for rung in state.rungs.values()), default=0)
    name = max(8, min(14, width - 28)) if narrow else max(15, min(longest, 15 + width - _ALL))

    def score(rung: RungEvent) -> str:
        estimate = (rung.scores or {}).get(MAIN)
        if estimate is None or estimate.mean is None:
            return "-"
        return reasons.number(estimate.mean) if width < 40 else reasons.interval(estimate)

    def metric(name: str) -> Callable[[RungEvent], str]:
        return lambda rung: mean((rung.scores or {}).get(name))

    def cases(rung: RungEvent) -> str:
        return f"{rung.answered:,}/{state.run.cases or 0:,}" if rung.answered else "-"

    def how(rung: RungEvent) -> str:
        in_short = narrow and rung.answered and rung.state not in _OUT
        return cases(rung) if in_short else _how(rung, state)

    limits = [
        n
        for n in state.run.limits or ()
        if n not in ("format", "recall@5") and any(n in (r.scores or {}) for r in state.rungs.values())
    ]
    shape = [
        Column("rung", name, lambda rung: _shortened(rung.rung, name)),
        Column(MAIN, 17 if width >= 40 else 7, score),
        Column("format", 6, metric("format"), 95),
        Column("recall@5", 8, metric("recall@5"), 104),
        *(Column(name, max(5, len(name)), metric(name), 104 + 10 * n) for n, name in enumerate(limits, start=1)),
        Column("cases", 9, cases, 60),
        Column("p50/p95 s", 9, lambda rung: latency(rung.latency), 80),
        Column("$/1k", 7, lambda rung: "-" if rung.usd_per_1k is None else money(rung.usd_per_1k), 80),
    ]
    shape = [column for column in shape if width >= column.least]
    taken = sum(column.width + 1 for column in shape)
    return [*shape, Column("", max(1, width - taken), how)]


def _how(rung: RungEvent, state: RunState) -> str:
    """Where a rung stands, in a word or two."""
    if rung.rung == state.run.winner:
        return "chosen"
    if rung.state in _OUT and rung.note_kind and (short := _WHY_OUT.get(rung.note_kind)):
        return short
    if rung.state in ("building", "timing") and state.work.total:
        return f"{rung.state} {state.work.done:,}/{state.work.total:,}"
    word = rung.state or "waiting"
    return _WORDS.get(word, word)


def _rows(rungs: Sequence[RungEvent], shape: Sequence[Column], room: int, width: int) -> list[Line]:
    """The rungs' lines, as many as there is room for: those at work first, then those that have answered most."""
    if room <= 0:
        return []
    shown, hidden = list(rungs), list[RungEvent]()
    if len(rungs) > room:
        ranked = sorted(rungs, key=lambda r: (r.state not in ACTIVE, r.state in _OUT, -(r.answered or 0)))
        chosen = {rung.rung for rung in ranked[: room - 1]}
        shown = [rung for rung in rungs if rung.rung in chosen]
        hidden = [rung for rung in rungs if rung.rung not in chosen]
    lines: list[Line] = [(_cut(_row([column.cell(rung) for column in shape], shape), width), _style(rung)) for rung in shown]
    if hidden:
        counts = Counter(_WORDS.get(rung.state or "waiting", rung.state or "waiting") for rung in hidden)
        words = ", ".join(f"{n} {word}" for word, n in counts.items())
        lines.append((_cut(f"… {len(hidden)} more: {words}", width), "dim"))
    return lines


def _style(rung: RungEvent) -> Style:
    return "bold" if rung.state in ACTIVE else "dim" if rung.state in _OUT else ""


def _shortened(name: str, width: int) -> str:
    """A label that is too long loses its middle: settings of one rung differ at the end."""
    return name if columns(name) <= width else f"{name[: width - 6]}…{name[-5:]}"


def _row(cells: Sequence[str], shape: Sequence[Column]) -> str:
    return " ".join(padded(cell, column.width) for cell, column in zip(cells, shape, strict=True)).rstrip()


def _cut(text: str, width: int) -> str:
    return padded(text, min(width, max(1, columns(text)))).rstrip() if columns(text) > width else text


def clock_time(seconds: float) -> str:
    """ "0:07", "12:30", "1:02:30"."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
