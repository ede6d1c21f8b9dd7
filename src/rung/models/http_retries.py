"""When a request to a server is tried again, how long that waits, and what is said of it. Sending is `http_client`'s."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from rung import progress
from rung.errors import ServerError
from rung.models.endpoint import Endpoint
from rung.models.http_words import Complaint
from rung.models.protocol import Server

log = logging.getLogger(__name__)
FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before the second try, and between any two
_HASTE = 10.0  # seconds that a hasty request waits for a second try, at most
_LONG = 10.0  # seconds of waiting from which on that is said


class RequestFailed(Exception):
    """One request failed; others may not. `attempts`: how often it was tried; `complaint`: what the server said, if any."""

    def __init__(self, message: str, attempts: int, complaint: Complaint | None = None) -> None:
        self.attempts = attempts
        self.complaint = complaint
        super().__init__(message)


class Unreachable(ServerError):
    """Nobody listens there now."""


class Trouble(Exception):
    """One try failed. `again`: another may not; `wait`: seconds that the server asked for; `nobody`: nobody listened."""

    def __init__(self, why: str, *, again: bool = True, wait: float | None = None, nobody: bool = False) -> None:
        self.again, self.wait, self.nobody = again, wait, nobody
        self.late = False
        self.complaint: Complaint | None = None
        super().__init__(why)

    def failed(self, attempts: int) -> RequestFailed:
        """That the request failed with this try."""
        return RequestFailed(str(self), attempts, self.complaint)


@dataclass
class Retries:
    """The second and further tries of one client's requests. Thread-safe."""

    endpoint: Endpoint
    server: Server
    first_wait: float = FIRST_WAIT

    def __post_init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._saying = threading.Lock()
        self._said_until = 0.0  # of `time.monotonic`: the end of the wait that was last said

    @property
    def troubles(self) -> str:
        """How many requests were tried again so far, and why most often; "" where none was."""
        if not self._counted:
            return ""
        (why, _), *_ = self._counted.most_common(1)
        return f"{self.endpoint}: requests tried again: {self._counted.total():,}, most often after: {why}"

    def pause(self, trouble: Trouble, attempt: int, *, hasty: bool = False, once: bool = False) -> float:
        """Seconds until a request is tried again whose try of this number failed so; see `Client.post` and `Client.call`.

        Raises:
            RequestFailed: it is not.
            Unreachable: neither is any other.
        """
        retries = 0 if once or (hasty and (trouble.nobody or trouble.late)) else self.server.retries
        if not trouble.again or attempt > retries:
            if trouble.nobody:
                raise Unreachable(f"{trouble}: {self.endpoint.vendor.mend}") from trouble
            raise trouble.failed(attempt) from trouble
        pause = min(_LONGEST_WAIT, self.first_wait * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        pause = trouble.wait if trouble.wait is not None else pause
        if hasty and pause > _HASTE:
            raise RequestFailed(f"{trouble}; it asks to wait {pause:.0f} s", attempt, trouble.complaint) from trouble
        return pause

    def begin(self, trouble: Trouble, attempt: int, pause: float) -> None:
        """The wait before another try begins. A long one is said, once for all requests that wait side by side."""
        self._counted[str(trouble)] += 1
        log.info("attempt %d at %s failed (%s); again in %.1f s", attempt, self.endpoint.identity, trouble, pause)
        if pause < _LONG:
            return
        now = time.monotonic()
        with self._saying:
            if now < self._said_until:
                return
            self._said_until = now + pause
        asked = f"the server asked to wait {pause:.0f} s" if trouble.wait is not None else f"tried again in {pause:.0f} s"
        progress.say(f"{self.endpoint}: {asked} ({trouble}).")
