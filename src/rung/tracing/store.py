"""Traces in the project's database: written in batches, listed, found by their id, and ended by age and number.

A row has what lists and filters look at; the spans are in one compressed value beside it, read where a trace is shown.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from rung.errors import UserError
from rung.records.traces import Span, Trace, TraceSummary
from rung.state.database import State, Unavailable, now_ms
from rung.state.tables import traces as table

PREFIXES = ("chatcmpl-", "msg_", "resp_")  # before an answer's id, by the API that gave it
MIN_ID = 4  # characters by which a trace is named
_HEX = frozenset("0123456789abcdef")
_DAY_MS = 86_400_000
_CHUNK = 2_000  # rows that one transaction removes
_NAMED = 200  # traces that are read at once
_FREE, _PAGES = 0.25, 2_000  # share of a file that may be free; pages that are given back at a time
_SPAN = tuple(f.name for f in fields(Span))
_SUMMARY = tuple(f.name for f in fields(TraceSummary) if f.name != "began")
_LISTED = [column for column in table.c if column.name != "body"]
_NEWEST = (table.c.at.desc(), table.c.id.desc())


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces are listed. Times are milliseconds since 1970; `deployment`: a name that was asked, or the id of a
    deployment, or four or more of its first characters; `caller`: a name, or an id such as
    `key:0a1b2c3d4e5f`; `after`: (time, id) of the last one of the page before."""

    deployment: str = ""
    caller: str = ""
    since: int | None = None
    until: int | None = None
    failed: bool = False
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Traces whose texts hold something. `looked`: how many were read; `last`: (time, id) of the last of them, None where
    there are no others."""

    traces: tuple[TraceSummary, ...]
    looked: int
    last: tuple[int, str] | None


def row_of(trace: Trace) -> dict[str, Any]:
    """A trace as its row."""
    summary = {name: getattr(trace.summary, name) for name in _SUMMARY}
    spans = [{name: getattr(span, name) for name in _SPAN} for span in (trace.root, *trace.steps)]
    body = zlib.compress(json.dumps(spans, separators=(",", ":")).encode(), level=1)
    return {**summary, "at": round(trace.summary.began * 1000), "body": body}


def listed(state: State, expected: TraceFilter, *, limit: int) -> list[TraceSummary]:
    """The newest that a filter lets pass.

    Raises:
        Unavailable: the database is.
    """
    query = sa.select(*_LISTED).where(*_conditions(expected)).order_by(*_NEWEST).limit(limit)
    with state.reading() as connection:
        return [_summary(row) for row in connection.execute(query)]


def holding(
    state: State, expected: TraceFilter, text: str, *, limit: int, most: int, readable: Callable[[Trace], bool]
) -> Holding:
    """The newest that a filter lets pass, that are readable and whose texts hold these words, in whatever case.

    Args:
        state: where they are.
        expected: the filter.
        text: what is looked for.
        limit: how many are asked for.
        most: how many are read, at most, with their texts.
        readable: whether a trace may be looked into.

    Raises:
        Unavailable: the database is.
    """
    query = sa.select(table).where(table.c.has_content, *_conditions(expected)).order_by(*_NEWEST).limit(most)
    traces, looked, last, folded = list[TraceSummary](), 0, None, text.casefold()
    with state.reading() as connection:
        for row in connection.execute(query.execution_options(yield_per=_NAMED)):
            looked, last = looked + 1, (row.at, row.id)
            trace = _trace(row)
            if readable(trace) and folded in json.dumps(_texts(trace), ensure_ascii=False).casefold():
                traces.append(trace.summary)
                if len(traces) == limit:
                    break
    return Holding(tuple(traces), looked, last if looked == most or len(traces) == limit else None)


def named(state: State, id: str) -> list[Trace]:
    """The conversations of a trace, the oldest first: one where `id` is an answer's, all of a W3C trace where it is its id.
    The first characters do, where nothing else begins so.

    Raises:
        UserError: there is none, or it is short for several.
        Unavailable: the database is.
    """
    word = next((id[len(p) :] for p in PREFIXES if id.startswith(p)), id).strip().lower()
    if len(word) < MIN_ID or not set(word) <= _HEX:
        raise UserError(f"'{id[:80]}' is no id of a trace: 'rung trace' lists them; {MIN_ID} characters or more name one")
    with state.reading() as connection:
        for column in (table.c.id, table.c.trace):
            query = sa.select(table).where(column >= word, column < f"{word}g").order_by(table.c.at).limit(1_000)
            rows = connection.execute(query).all()
            if len({getattr(row, column.name) for row in rows}) > 1:
                raise UserError(f"'{id[:80]}' begins several traces: write more characters of it")
            if rows:
                return [_trace(row) for row in rows]
    raise UserError(f"there is no trace '{id[:80]}': it was not kept, or is kept no more; 'rung trace' lists those that are")


def with_content(state: State, ids: Sequence[str]) -> set[str]:
    """Of these answers those whose conversation is still kept, with its texts.

    Raises:
        Unavailable: the database is.
    """
    there = set[str]()
    with state.reading() as connection:
        for begin in range(0, len(ids), _NAMED):
            query = sa.select(table.c.id).where(table.c.id.in_(ids[begin : begin + _NAMED]), table.c.has_content)
            there.update(connection.scalars(query))
    return there


def kept(state: State, ids: Sequence[str]) -> Iterator[Trace]:
    """The conversations of these answers whose texts were captured, in no order; others are left out.

    Raises:
        Unavailable: the database is.
    """
    for begin in range(0, len(ids), _NAMED):
        query = sa.select(table).where(table.c.id.in_(ids[begin : begin + _NAMED]), table.c.has_content)
        with state.reading() as connection:
            rows = connection.execute(query).all()
        yield from map(_trace, rows)


def whole(state: State) -> Iterator[Trace]:
    """Every trace with its steps, the oldest first.

    Raises:
        Unavailable: the database is.
    """
    query = sa.select(table).order_by(table.c.at, table.c.id).execution_options(yield_per=_CHUNK)
    with state.reading() as connection:
        for row in connection.execute(query):
            yield _trace(row)


def ended(state: State, *, days: float, rows: int, seconds: float = 1.0) -> int:
    """Remove what is older than so many days, and the oldest beyond so many rows; for at most so many seconds. How many.

    Raises:
        Unavailable: the database is.
    """
    cut = now_ms() - round(days * _DAY_MS)
    with state.reading() as connection:
        beyond = connection.scalar(sa.select(table.c.at).order_by(table.c.at.desc()).offset(rows).limit(1))
    until, removed = time.monotonic() + seconds, 0
    last = cut if beyond is None else max(cut, beyond + 1)
    while time.monotonic() < until:
        oldest = sa.select(table.c.id).where(table.c.at < last).order_by(table.c.at).limit(_CHUNK)
        with state.writing() as connection:
            gone = connection.execute(table.delete().where(table.c.id.in_(oldest))).rowcount
        removed += gone
        if gone < _CHUNK:
            break
    return removed


def compacted(state: State) -> int:
    """Give the file system some of what the folder's database holds free, where that is more than a quarter of it; how many
    pages. A server's database does this by itself.

    Raises:
        Unavailable: the database is.
    """
    if state.is_shared:
        return 0
    with state.reading() as connection:
        free, pages = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0 for name in ("freelist_count", "page_count")
        )
    if free <= pages * _FREE:
        return 0
    with closing(state.engine.raw_connection()) as connection:
        try:  # a page at each step, and no rows: executing it would take one step only
            connection.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{state.name} cannot be used ({error})") from error
    with state.reading() as connection:
        return free - int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0)


def _texts(trace: Trace) -> list[Any]:
    return [span.content for span in (trace.root, *trace.steps) if span.content]


def _conditions(expected: TraceFilter) -> Iterator[sa.ColumnElement[bool]]:
    if word := expected.deployment:
        is_id = len(word) >= MIN_ID and set(word) <= _HEX
        promoted = sa.and_(table.c.deployment_id >= word, table.c.deployment_id < f"{word}g") if is_id else sa.false()
        yield sa.or_(table.c.deployment == word, promoted)
    if expected.caller:
        yield (table.c.caller_id if ":" in expected.caller else table.c.caller) == expected.caller
    if expected.since is not None:
        yield table.c.at >= expected.since
    if expected.until is not None:
        yield table.c.at < expected.until
    if expected.failed:
        yield table.c.error != ""
    if expected.after is not None:
        at, id = expected.after
        yield sa.or_(table.c.at < at, sa.and_(table.c.at == at, table.c.id < id))


def _summary(row: Any) -> TraceSummary:
    entry = {name: getattr(row, name) for name in _SUMMARY}
    return TraceSummary(began=row.at / 1000, **entry)


def _trace(row: Any) -> Trace:
    root, *steps = (Span(**span) for span in json.loads(zlib.decompress(row.body)))
    return Trace(_summary(row), root, tuple(steps))
