"""Are rows written soon, none twice, and those that could not be counted?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from rung.state.buffered import BufferedWriter
from rung.state.database import State, Unavailable
from rung.state.tables import answers


def row(id: str) -> dict[str, object]:
    return {"id": id, "at": 1, "caller": "", "model": "", "digest": "", "process": ""}


def count(state: State) -> int:
    with state.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(answers)) or 0


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_rows_of_many_threads_are_written_without_being_asked_for(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        writer = BufferedWriter(state, seconds=0.02)

        def add(k: int) -> None:
            for n in range(500):
                writer.add(answers, row(f"{k}-{n}"))

        threads = [threading.Thread(target=add, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: count(state) == 2000)
        writer.close()
        assert (count(state), writer.dropped) == (2000, 0)


def test_the_end_writes_what_waits(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        writer = BufferedWriter(state, seconds=3600)
        writer.add(answers, row("one"))
        writer.close()
        assert count(state) == 1


def test_a_row_that_is_refused_takes_no_other_with_it(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        writer = BufferedWriter(state, seconds=3600)
        for id in ("one", "two", "one", "three"):
            writer.add(answers, row(id))
        writer.close()
        assert (count(state), writer.dropped) == (3, 1)


def test_a_database_that_is_away_gets_what_waited_and_the_rest_is_counted(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        writer = BufferedWriter(state, seconds=0.02, limit=3)
        with state.writing() as connection:
            connection.execute(sa.text("ALTER TABLE answers RENAME TO hidden"))
        writer.add(answers, row("one"))
        until(lambda: writer.is_away)
        for id in ("two", "three", "four", "five"):
            writer.add(answers, row(id))
        assert writer.dropped == 2
        with state.writing() as connection:
            connection.execute(sa.text("ALTER TABLE hidden RENAME TO answers"))
        until(lambda: not writer.is_away)
        writer.close()
        assert count(state) == 3


def test_rows_of_a_batch_that_was_kept_unsaid_are_no_dropped_ones(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        writer = BufferedWriter(state, seconds=3600)
        away = [True]

        def kept_unsaid(connection: sa.Connection) -> None:
            if away.pop():
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("COMMIT")
                raise sa.exc.OperationalError("COMMIT", None, ConnectionError("the connection was lost"))

        for id in ("one", "two"):
            writer.add(answers, row(id))
        sa.event.listen(state.engine, "commit", kept_unsaid)
        with pytest.raises(Unavailable):
            writer.flush()
        sa.event.remove(state.engine, "commit", kept_unsaid)
        assert count(state) == 2
        for id in ("three", "three"):  # of another batch: one of them is refused, and said to be
            writer.add(answers, row(id))
        writer.close()
        assert (count(state), writer.dropped) == (3, 1)
