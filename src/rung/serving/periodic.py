"""Work that a server does now and then beside answering, on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rung.errors import UserError

_log = logging.getLogger(__name__)


class Periodic:
    """Does `work` every so many seconds until it is closed. A failure is told once, and again when it is another one."""

    def __init__(self, name: str, work: Callable[[], object], *, seconds: float) -> None:
        self._name, self._work, self._seconds = name, work, seconds
        self._ending, self._reported = threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the work under way, and end."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._work()
                self._reported = ""
            except UserError as error:
                if str(error) != self._reported:
                    _log.error("%s: %s", self._name, error)
                self._reported = str(error)
            except Exception:
                _log.exception("a defect of Rung in '%s'", self._name)
