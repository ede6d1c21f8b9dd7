"""Traces on their way into the database, and out of it again when they are too old or too many."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from rung.records.traces import Trace
from rung.state.buffered import BufferedWriter
from rung.state.database import State, Unavailable
from rung.state.tables import traces as table
from rung.tracing.store import compacted, ended, row_of

_log = logging.getLogger(__name__)
WAITING = 10_000  # traces that wait for a database that is away
SECONDS = 0.5  # between two batches
_TENDED = 60.0  # seconds between two looks at what is too old


class DatabaseSink:
    """Keeps traces in the project's database; a `Sink`. `written`: traces that were handed to it."""

    def __init__(self, state: State, *, days: float, rows: int) -> None:
        self._state, self._days, self._rows = state, days, rows
        self._writer = BufferedWriter(state, seconds=SECONDS, limit=WAITING)
        self._tended = time.monotonic() - _TENDED  # at once: what grew too old while no server ran

    @property
    def dropped(self) -> int:
        """Traces that were lost: the database was away for too long, or refused them."""
        return self._writer.dropped

    @property
    def is_away(self) -> bool:
        """Whether the database takes nothing now."""
        return self._writer.is_away

    def take(self, traces: Sequence[Trace]) -> None:
        """See `Sink`."""
        for trace in traces:
            self._writer.add(table, row_of(trace))

    def tend(self) -> None:
        """See `Sink`."""
        now = time.monotonic()
        if now - self._tended < _TENDED or self.is_away:
            return
        try:
            removed = ended(self._state, days=self._days, rows=self._rows) or compacted(self._state)
        except Unavailable as error:
            _log.info("old traces stay for now: %s", error)
            removed = 0
        if not removed:  # else there may be more: at the next turn
            self._tended = now

    def close(self) -> None:
        """See `Sink`."""
        self._writer.close()
