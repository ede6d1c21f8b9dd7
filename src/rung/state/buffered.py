"""Rows that may be written a moment later: in batches, by a thread of its own, off the path of answers.

What a kill loses is at most what came within the last `seconds`, and what the database did not take meanwhile. A database
that is away is asked again every `seconds`; at most `limit` rows wait for it, and those that find no room are counted.
Where it went away before it said whether a batch is kept, rows with a key of their own are there once, others perhaps twice.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rung.state.database import State, Unavailable

_Row = tuple[sa.Table, Mapping[str, Any]]
_log = logging.getLogger(__name__)
_BATCH = 1_000


class BufferedWriter:
    """Takes rows from any thread. `dropped`: rows that were lost; `is_away`: the last batch found no database."""

    def __init__(self, state: State, *, seconds: float = 1.0, limit: int = 50_000) -> None:
        self.dropped, self.is_away = 0, False
        self._state, self._seconds, self._limit = state, seconds, limit
        self._rows: deque[_Row] = deque()
        self._tried = 0  # rows, the oldest, that may be in the database already
        self._lock, self._writing, self._ending = threading.Lock(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="state writer", daemon=True)
        self._thread.start()

    def add(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Have a row of this table written soon; lost, and counted, where too many wait already."""
        with self._lock:
            if len(self._rows) >= self._limit:
                self.dropped += 1
            else:
                self._rows.append((table, row))

    def flush(self) -> None:
        """Write what waits, now.

        Raises:
            Unavailable: the database is; what waits goes on waiting.
        """
        with self._writing:
            while rows := list(islice(self._rows, self._tried or _BATCH)):
                again, self._tried = self._tried > 0, len(rows)
                self._write(rows, again)
                self._tried = 0
                with self._lock:
                    for _ in rows:
                        self._rows.popleft()

    def close(self) -> None:
        """Write what waits, and end. What a database that is away does not take is lost, and said."""
        self._ending.set()
        self._thread.join()
        try:
            self.flush()
        except Unavailable as error:
            _log.error("%d rows were not written: %s", len(self._rows), error)

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self.flush()
                if self.is_away:
                    _log.warning("%s takes rows again", self._state.name)
                self.is_away = False
            except Unavailable as error:
                if not self.is_away:
                    _log.error("%s; rows wait for it", error)
                self.is_away = True
            except Exception:
                _log.exception("a defect of Rung: rows could not be written")

    def _write(self, rows: list[_Row], again: bool) -> None:
        try:
            with self._state.writing() as connection:
                for table, some in groupby(rows, key=lambda row: row[0]):
                    insert = _unless_there(table, connection) if again else table.insert()
                    connection.execute(insert, [dict(row) for _, row in some])
        except sa.exc.StatementError as error:  # a value or a row; what else the database says is `Unavailable`
            if len(rows) > 1:  # one of them: the others are written without it
                for row in rows:
                    self._write([row], again)
                return
            self.dropped += 1
            _log.error("a row of '%s' was refused and is lost: %s", rows[0][0].name, type(error).__name__)


def _unless_there(table: sa.Table, connection: sa.Connection) -> sa.Insert:
    """Rows of a key of their own, those left out that are there; a key that the database gives tells nothing."""
    if table.autoincrement_column is not None:
        return table.insert()
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
