"""Whose turn it is: at most so many conversations at once, a queue with an end, callers taken in turns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Full(Exception):
    """Nobody else may wait."""


class Turns:
    """For one event loop. Callers who wait are let in one request each, in turns, so that none keeps the others out.

    Work that nobody waits for goes behind all of them: it has a turn only where one is free, at most a quarter of them.

    Args:
        at_once: how many may have a turn at the same time.
        queue: how many may wait.
    """

    def __init__(self, at_once: int, queue: int) -> None:
        self.free, self.waiting = at_once, 0
        self.behind = 0  # turns of work that nobody waits for
        self._queue, self._most_behind = queue, max(1, at_once // 4)
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._line_behind: deque[asyncio.Future[None]] = deque()

    async def take(self, caller: str) -> None:
        """Wait for a turn; `give` ends it.

        Raises:
            Full: as many wait as may.
        """
        if self.free:
            self.free -= 1
            return
        if self.waiting >= self._queue:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came just now
                self.give()
            else:
                self._leave(caller, turn)
            raise

    async def take_behind(self) -> None:
        """The same for work that nobody waits for; `give` with `behind` ends it.

        Raises:
            Full: as many wait as may.
        """
        if self._has_room_behind():
            self.free, self.behind = self.free - 1, self.behind + 1
            return
        if len(self._line_behind) >= self._queue:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line_behind.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(behind=True)
            else:
                self._line_behind.remove(turn)
            raise

    def give(self, *, behind: bool = False) -> None:
        """End a turn: the next caller's next request has it; where nobody waits, work that nobody waits for."""
        self.behind -= behind
        if not self._lines:
            self.free += 1
            while self._line_behind and self._has_room_behind():
                self.free, self.behind = self.free - 1, self.behind + 1
                self._line_behind.popleft().set_result(None)
            return
        caller, line = next(iter(self._lines.items()))
        turn = line.popleft()
        self._lines.move_to_end(caller)
        if not line:
            del self._lines[caller]
        self.waiting -= 1
        turn.set_result(None)

    def _has_room_behind(self) -> bool:
        return self.free > 0 and self.behind < self._most_behind

    def _leave(self, caller: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[caller]
        line.remove(turn)
        if not line:
            del self._lines[caller]
        self.waiting -= 1
