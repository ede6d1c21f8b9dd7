"""What takes long is computed on a thread, once for each state of the files that it is of; pages say how far it is.

All of a process shares `AT_ONCE` threads, as the largest results take much memory while they are made; the rest waits for
its turn, and what nobody has asked for in the meantime is given up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from rung.errors import UserError
from rung.report.html.markup import el
from rung.report.numbers import percent
from rung.serving.answering import DEFECT
from rung.web.shell import page
from rung.web.viewer import viewer_of

_log = logging.getLogger(__name__)
T = TypeVar("T")
PATIENCE = 0.4  # seconds that a page waits: what is quick needs no second page
AGAIN = 1  # seconds until a browser asks again
AT_ONCE = 2  # pieces of work of a process
FORGOTTEN = 30.0  # seconds after which nobody looks at what waits any more: open pages ask each second


class Tell(Protocol):
    """Takes how far work is."""

    def __call__(self, share: float, note: str = "") -> None:
        """`share` of it is done, 0 to 1; `note`: what is being done, where it says that."""
        ...


@dataclass
class Underway:
    """Work on a thread, or that waits for one (`begun` is false). `share` of it is done, 0 to 1; `note`: what is being done,
    where it says that and no share; `error` ended it; `asked`: when somebody asked for it last."""

    since: float = field(default_factory=time.monotonic)
    share: float = 0.0
    note: str = ""
    begun: bool = False
    error: UserError | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    asked: float = field(default_factory=time.monotonic)


class Threads:
    """At most so many threads, which end with the process whatever they do; the rest waits in the order of its coming."""

    def __init__(self, most: int) -> None:
        self._most, self._running = most, 0
        self._lock, self._waiting = threading.Lock(), deque[Callable[[], None]]()

    def submit(self, work: Callable[[], None]) -> None:
        """Do this, which raises nothing, as soon as a thread is free."""
        with self._lock:
            self._waiting.append(work)
            if self._running == self._most:
                return
            self._running += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                work = self._waiting.popleft()
            work()


_threads = Threads(AT_ONCE)


class Background(Generic[T]):
    """Results of one kind. `retained`: how many are kept in memory, the last that were asked for."""

    def __init__(self, retained: int, *, threads: Threads = _threads) -> None:
        self._retained, self._threads, self._lock = retained, threads, threading.Lock()
        self._results: OrderedDict[Hashable, tuple[Hashable, T]] = OrderedDict()
        self._underway: dict[Hashable, tuple[Hashable, Underway]] = {}

    def get(self, key: Hashable, stamp: Hashable, work: Callable[[Tell], T]) -> T | Underway:
        """The result, or how far it is; whoever asks first begins it.

        Args:
            key: what it is of.
            stamp: the state of its files; with another one it is computed anew.
            work: computes it.

        Raises:
            UserError: it cannot be computed; asked again, it is tried again.
        """
        with self._lock:
            result = self._results.get(key)
            if result is not None and result[0] == stamp:
                self._results.move_to_end(key)
                return result[1]
            self._results.pop(key, None)  # what was erased from its files is not to stay here
            before = self._underway.get(key)
            underway = before[1] if before is not None and before[0] == stamp else None
            is_new = underway is None
            if underway is None:
                underway = Underway()
                self._underway[key] = (stamp, underway)
            underway.asked = time.monotonic()
        if is_new:
            self._threads.submit(lambda: self._run(key, stamp, work, underway))
        if underway.ended.wait(PATIENCE):
            with self._lock:
                if self._is_last(key, underway):
                    del self._underway[key]
                result = self._results.get(key)
            if underway.error is not None:
                raise underway.error
            if result is not None and result[0] == stamp:
                return result[1]
        return underway

    def _is_last(self, key: Hashable, underway: Underway) -> bool:
        """Whether nothing of this key was asked for after it, of another state."""
        last = self._underway.get(key)
        return last is not None and last[1] is underway

    def _run(self, key: Hashable, stamp: Hashable, work: Callable[[Tell], T], underway: Underway) -> None:
        def tell(share: float, note: str = "") -> None:
            underway.share, underway.note = max(underway.share, min(share, 1.0)), note

        try:
            if not self._begins(key, underway):
                return
            result = work(tell)
            with self._lock:
                if not self._is_last(key, underway):
                    return
                del self._underway[key]
                self._results[key] = (stamp, result)
                self._results.move_to_end(key)
                while len(self._results) > self._retained:
                    self._results.popitem(last=False)
        except UserError as error:
            underway.error = error
        except Exception:
            _log.exception("a defect of Rung in work for the board")
            underway.error = UserError(DEFECT)
        finally:
            underway.ended.set()

    def _begins(self, key: Hashable, underway: Underway) -> bool:
        """Whether somebody still waits for it, now that its turn has come."""
        with self._lock:
            is_last = self._is_last(key, underway)
            if is_last and time.monotonic() - underway.asked <= FORGOTTEN:
                underway.since, underway.begun = time.monotonic(), True
                return True
            if is_last:
                del self._underway[key]
            return False


def wait_page(request: Request, title: str, what: str, underway: Underway) -> Response:
    """A page that says how far the work is, and asks again by itself. What is being done may name rows and documents: it is
    for who may read everything."""
    seconds, note = time.monotonic() - underway.since, underway.note
    how_far = f"{seconds:.0f} s so far" if note else f"{percent(underway.share)} after {seconds:.0f} s"
    if note and viewer_of(request).groups is None:
        how_far += f", now: {note}"
    words = (
        f"{what}: {how_far if underway.begun else 'it waits until other pages are read'}. This page asks again by itself."
    )
    bar = el("progress", value=None if note else round(underway.share, 2), max=1, aria_label=what)
    response = page(request, title, el("p", words, role="status"), el("p", bar))
    response.headers["Refresh"] = str(AGAIN)
    return response
