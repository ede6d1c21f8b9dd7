"""At most so many requests a minute: evenly spaced turns, for all threads of this process."""

from __future__ import annotations

import threading
import time


class RateLimit:
    """Turns that are as far apart as `per_minute` wants them; None: no limit."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Until it is this thread's turn, or `stop` is set."""
        if not self._gap:
            return
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._gap
        stop.wait(max(0.0, turn - time.monotonic()))
