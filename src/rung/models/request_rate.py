"""How many requests a minute one process sends to a server, evenly spaced."""

from __future__ import annotations

import threading
import time


class RequestRate:
    """Evenly spaced turns: at most so many a minute, from this process. None: as many as come. Thread-safe."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Until it is this request's turn; `stop` ends the wait."""
        if not self._gap:
            return
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._gap
        stop.wait(max(0.0, turn - time.monotonic()))
