"""What takes long is computed on a thread, once for each state of the files that it is of; pages say how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from rung.errors import UserError
from rung.report.html.markup import el
from rung.report.numbers import percent
from rung.serving.answering import DEFECT
from rung.web.shell import page

_log = logging.getLogger(__name__)
T = TypeVar("T")
Tell = Callable[[float], None]  # of the share that is done, 0 to 1
PATIENCE = 0.4  # seconds that a page waits: what is quick needs no second page
AGAIN = 1  # seconds until a browser asks again


@dataclass
class Underway:
    """Work on a thread. `share` of it is done, 0 to 1; `error` ended it."""

    since: float = field(default_factory=time.monotonic)
    share: float = 0.0
    error: UserError | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Background(Generic[T]):
    """Results of one kind. `retained`: how many are kept in memory, the last that were asked for."""

    def __init__(self, retained: int) -> None:
        self._retained, self._lock = retained, threading.Lock()
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
            if underway is None:
                underway = Underway()
                self._underway[key] = (stamp, underway)
                threading.Thread(target=self._run, args=(key, stamp, work, underway), daemon=True).start()
        if underway.ended.wait(PATIENCE):
            with self._lock:
                if self._underway.get(key) == (stamp, underway):
                    del self._underway[key]
                result = self._results.get(key)
            if underway.error is not None:
                raise underway.error
            if result is not None and result[0] == stamp:
                return result[1]
        return underway

    def look(self, key: Hashable, stamp: Hashable) -> T | Underway | None:
        """What `get` gives, without beginning anything; None where nobody began it.

        Raises:
            UserError: it could not be computed.
        """
        with self._lock:
            result, underway = self._results.get(key), self._underway.get(key)
        if result is not None and result[0] == stamp:
            return result[1]
        if underway is None or underway[0] != stamp:
            return None
        if underway[1].ended.wait(PATIENCE) and underway[1].error is not None:
            raise underway[1].error
        return underway[1]

    def _run(self, key: Hashable, stamp: Hashable, work: Callable[[Tell], T], underway: Underway) -> None:
        def tell(share: float) -> None:
            underway.share = max(underway.share, min(share, 1.0))

        try:
            result = work(tell)
            with self._lock:
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


def wait_page(request: Request, title: str, what: str, underway: Underway) -> Response:
    """A page that says how far the work is, and asks again by itself."""
    seconds = time.monotonic() - underway.since
    words = f"{what}: {percent(underway.share)} after {seconds:.0f} s. This page asks again by itself."
    bar = el("progress", value=round(underway.share, 2), max=1, aria_label=what)
    response = page(request, title, el("p", words, role="status"), el("p", bar))
    response.headers["Refresh"] = str(AGAIN)
    return response
