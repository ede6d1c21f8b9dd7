"""Whose turn it is: at most so many conversations at once, a queue with an end, callers taken in turns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Full(Exception):
    """Nobody else may wait."""


class Turns:
    """For one event loop. Callers who wait are let in one request each, in turns, so that none keeps the others out.

    Args:
        at_once: how many may have a turn at the same time.
        queue: how many may wait.
    """

    def __init__(self, at_once: int, queue: int) -> None:
        self.free, self.waiting = at_once, 0
        self._queue = queue
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

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

    def give(self) -> None:
        """End a turn: the next caller's next request has it."""
        if not self._lines:
            self.free += 1
            return
        caller, line = next(iter(self._lines.items()))
        turn = line.popleft()
        self._lines.move_to_end(caller)
        if not line:
            del self._lines[caller]
        self.waiting -= 1
        turn.set_result(None)

    def _leave(self, caller: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[caller]
        line.remove(turn)
        if not line:
            del self._lines[caller]
        self.waiting -= 1
