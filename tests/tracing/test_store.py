"""Traces in either database: found by id, listed by filters, ended by age and number."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from rung.errors import UserError
from rung.records.traces import Trace
from rung.state.database import State
from rung.state.presence import FILE
from rung.state.tables import traces as table
from rung.tracing import store
from rung.tracing.kept import DatabaseSink
from rung.tracing.parent import TraceParent
from rung.tracing.store import TraceFilter, ended, listed, named, row_of
from tests.state.databases import KINDS, database
from tests.tracing.test_recorder import until
from tests.tracing.traces import made

DAY = 86_400.0


@pytest.fixture(params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    with database(request.param, tmp_path) as address, State(tmp_path, address) as opened:
        yield opened


def changed(trace: Trace, **fields: object) -> Trace:
    return replace(trace, summary=replace(trace.summary, **fields))  # type: ignore[arg-type]


def keep(state: State, *traces: Trace) -> None:
    with state.writing() as connection:
        connection.execute(table.insert(), [row_of(trace) for trace in traces])


def test_a_trace_comes_back_as_it_was(state: State) -> None:
    trace = made("ab12" * 8, content=True)
    trace = replace(trace, root=replace(trace.root, content={"x": "nul \0, half \ud800, \u2028"}))
    keep(state, trace)
    (found,) = named(state, "ab12" * 8)
    assert found.root == trace.root
    assert found.steps == trace.steps
    assert replace(found.summary, began=0) == replace(trace.summary, began=0)
    assert found.summary.began == pytest.approx(trace.summary.began, abs=0.001)


@pytest.mark.parametrize("id", ["ab12" * 8, "AB12", "chatcmpl-" + "ab12" * 8, "msg_ab12", "ab12ab12"])
def test_it_is_named_by_its_answer_or_the_beginning_of_it(state: State, id: str) -> None:
    keep(state, made("ab12" * 8), made("ab13" * 8))
    assert [trace.summary.id for trace in named(state, id)] == ["ab12" * 8]


def test_a_w3c_trace_names_all_of_its_conversations(state: State) -> None:
    parent = TraceParent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)
    keep(state, made("ab" * 16, parent=parent), made("cd" * 16, parent=parent), made("ef" * 16))
    assert {trace.summary.id for trace in named(state, parent.trace)} == {"ab" * 16, "cd" * 16}
    assert [trace.summary.id for trace in named(state, "cdcd")] == ["cd" * 16]


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("ffff", "there is no trace 'ffff'"),
        ("ab1", "4 characters or more"),
        ("", "4 characters or more"),
        ("ab1%", "is no id of a trace"),
        ("'; drop table traces; --", "is no id of a trace"),
        ("ab1", "is no id"),
        ("aaaa", "begins several traces"),
    ],
)
def test_an_id_that_names_none_or_several_is_said(state: State, id: str, why: str) -> None:
    keep(state, made("aaaab" + "0" * 27), made("aaaac" + "0" * 27))
    with pytest.raises(UserError, match=why):
        named(state, id)


def test_filters(state: State) -> None:
    now = time.time()
    keep(
        state,
        changed(made("a1" * 16), began=now - 3 * DAY),
        changed(made("a2" * 16), began=now - 2 * DAY, deployment="prompt", deployment_id="0a1b2c3d4e5f"),
        changed(made("a3" * 16), began=now - 1 * DAY, caller="bob", caller_id="token:bob"),
        changed(made("a4" * 16, error="timeout"), began=now),
    )

    def ids(**wanted: object) -> list[str]:
        return [one.id[:2] for one in listed(state, TraceFilter(**wanted), limit=9)]  # type: ignore[arg-type]

    assert ids() == ["a4", "a3", "a2", "a1"]
    assert ids(deployment="rag") == ["a4", "a3", "a1"]
    assert ids(deployment="0a1b2c3d4e5f") == ids(deployment="0a1b") == ids(deployment="prompt") == ["a2"]
    assert ids(deployment="0a1") == ids(deployment="0a1c") == ids(deployment="0a1b2c3d4e5f0") == []
    assert ids(caller="bob") == ids(caller="token:bob") == ["a3"]
    assert ids(caller="key:0a1b2c3d4e5f", failed=True) == ids(failed=True) == ["a4"]
    assert ids(since=round((now - 2.5 * DAY) * 1000), until=round((now - 0.5 * DAY) * 1000)) == ["a3", "a2"]
    assert ids(caller="' or 1=1 --") == []
    assert len(listed(state, TraceFilter(), limit=2)) == 2


def test_what_is_too_old_or_too_many_ends(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_CHUNK", 7)
    now = time.time()
    traces = [changed(made(), began=now - n * DAY / 10) for n in range(100)]
    keep(state, *traces)
    assert ended(state, days=5.05, rows=1_000) == 49
    assert ended(state, days=5.05, rows=1_000) == 0
    assert ended(state, days=365, rows=20) == 31
    assert [one.id for one in listed(state, TraceFilter(), limit=99)] == [t.summary.id for t in traces[:20]]


def test_the_sink_writes_soon_and_ends_what_is_old(state: State) -> None:
    old = changed(made(), began=time.time() - 9 * DAY)
    keep(state, old)
    sink = DatabaseSink(state, days=5, rows=10)
    sink.tend()
    assert not listed(state, TraceFilter(), limit=9)
    sink.take([made("ab" * 16)])
    until(lambda: bool(listed(state, TraceFilter(), limit=9)))
    sink.take([made("cd" * 16)])
    sink.close()
    assert {one.id for one in listed(state, TraceFilter(), limit=9)} == {"ab" * 16, "cd" * 16}
    assert (sink.dropped, sink.is_away) == (0, False)


def test_what_ended_gives_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAGES", 50)
    with State(tmp_path) as state:
        keep(state, *(changed(made(content=True), began=time.time() - n) for n in range(1_000)))
        full = _size(tmp_path)
        assert store.compacted(state) == 0
        assert ended(state, days=1, rows=100, seconds=60) == 900
        assert store.compacted(state) == 50
        while store.compacted(state):
            pass
        assert _size(tmp_path) < full / 2
        assert len(listed(state, TraceFilter(), limit=9_999)) == 100


def _size(folder: Path) -> int:
    """Of the database, once what is beside it is in it."""
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return (folder / FILE).stat().st_size


def test_a_full_disk_loses_nothing_that_has_room_in_memory(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        with state.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        most = [pages]  # SQLite says the same as where the disk is full: SQLITE_FULL

        @sa.event.listens_for(state.engine, "checkout")
        def full(connection: object, _record: object, _proxy: object) -> None:
            connection.execute(f"PRAGMA max_page_count={most[0]}")  # type: ignore[attr-defined]

        state.engine.dispose()
        sink = DatabaseSink(state, days=5, rows=10_000)
        traces = [made(content=True) for _ in range(200)]
        sink.take(traces)
        until(lambda: sink.is_away)
        most[0] = 1_000_000
        until(lambda: not sink.is_away)
        sink.close()
        assert len(listed(state, TraceFilter(), limit=999)) == 200
        assert sink.dropped == 0
