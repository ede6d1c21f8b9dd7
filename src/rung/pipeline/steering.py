"""How a comparison obeys who steers it from elsewhere: between two steps it pauses, takes in more budget, or stops.

What is asked of it stands in a file of the project, written whole (`run_control`). The file names the process that it is
for and when that began: of another run it says nothing.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rung.progress import standing_still
from rung.records.run_state import RunEvent

CONTROL = "control.json"  # in the project's state
STOPPED = "stopped from elsewhere ('rung status --stop', or the board): the same command goes on from here"
LOOKS = 0.25  # seconds between two looks at the file, at least


@dataclass(frozen=True, slots=True)
class Orders:
    """What is asked of a comparison. `minutes`, `usd`: all that was added to its budget so far."""

    pause: bool = False
    stop: bool = False
    minutes: float = 0.0
    usd: float = 0.0


def run_name(process: int, began: datetime) -> dict[str, int | str]:
    """By which a run is told from any other of its project."""
    return {"process": process, "began": began.isoformat(timespec="seconds")}


def read_orders(path: Path, name: Mapping[str, int | str]) -> Orders:
    """The orders for the process of this name; none where the file is of another, or cannot be read."""
    try:
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if any(entry[key] != value for key, value in name.items()):
            return Orders()
        return Orders(entry["pause"] is True, entry["stop"] is True, float(entry["minutes"]), float(entry["usd"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Orders()


@dataclass
class Steering:
    """A comparison's own side: `obey` is called between its steps.

    Args:
        state: the project's; None: nobody steers.
        began: when the comparison began, as its record says.
        tell: is told when it is paused and goes on.
    """

    state: Path | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    tell: Callable[[RunEvent], None] = lambda _event: None

    def __post_init__(self) -> None:
        self.on_more: Callable[[float, float], None] = lambda _minutes, _usd: None
        self._seen = Orders()
        self._next = 0.0
        self._lock = threading.Lock()  # steps may end on several threads

    def obey(self) -> None:
        """Do what is asked for: stay here while the comparison is paused, take in more budget, stop.

        Raises:
            KeyboardInterrupt: it is to stop, as by Ctrl-C: what is done is kept, and the same command goes on.
        """
        if self.state is None or time.monotonic() < self._next:
            return
        with self._lock:
            orders = self._look()
            if orders.pause and not orders.stop:
                self.tell(RunEvent(paused=True))
                with standing_still():
                    while orders.pause and not orders.stop:
                        time.sleep(LOOKS)
                        orders = self._look()
                self.tell(RunEvent(paused=False))
        if orders.stop:
            raise KeyboardInterrupt(STOPPED)

    def _look(self) -> Orders:
        self._next = time.monotonic() + LOOKS
        if self.state is None:
            return Orders()
        orders = read_orders(self.state / CONTROL, run_name(os.getpid(), self.began))
        more = orders.minutes - self._seen.minutes, orders.usd - self._seen.usd
        if any(one > 0 for one in more):
            self._seen = replace(orders, pause=False, stop=False)
            self.on_more(*more)
        return orders
