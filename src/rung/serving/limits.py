"""How much a caller may ask: requests a minute and tokens a day, counted in this process's memory."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rung.serving.callers import Caller, Refused

MINUTE, DAY = 60.0, 86_400.0


@dataclass
class _Spent:
    """One key's requests of the last minute (their times), and tokens since its day began."""

    requests: deque[float] = field(default_factory=deque)
    day_began: float = -math.inf
    tokens: int = 0


class Limiter:
    """Counts what keys with limits ask. In no span of 60 s does a key have more requests than it may.

    A key's day begins with its first tokens and lasts 24 hours. Tokens are known after an answer only, so that the last one
    may go over. `clock` gives seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._spent: dict[str, _Spent] = {}

    def allow(self, caller: Caller) -> Refused | None:
        """Count a request; or say why it is none, and in `retry-after` when to come back. One refused does not count."""
        if caller.requests_per_minute is None and caller.tokens_per_day is None:
            return None
        with self._lock:
            now, spent = self._clock(), self._of(caller)
            while spent.requests and now - spent.requests[0] >= MINUTE:
                spent.requests.popleft()
            left = DAY - (now - spent.day_began)  # this way round it is never more than a day
            if caller.tokens_per_day is not None and left > 0 and spent.tokens >= caller.tokens_per_day:
                return _too_much(f"the {caller.tokens_per_day:,} tokens of this key's day are spent", left)
            if caller.requests_per_minute is not None:
                if len(spent.requests) >= caller.requests_per_minute:
                    oldest = spent.requests[-caller.requests_per_minute]  # a limit may have been lowered since
                    return _too_much(
                        f"this key may ask {caller.requests_per_minute:,} times a minute", MINUTE - (now - oldest)
                    )
                spent.requests.append(now)
            return None

    def consumed(self, caller: Caller, tokens: int) -> None:
        """Count the tokens, read and written, of an answer."""
        if caller.tokens_per_day is None:
            return
        with self._lock:
            now, spent = self._clock(), self._of(caller)
            if now - spent.day_began >= DAY:
                spent.day_began, spent.tokens = now, 0
            spent.tokens += tokens

    def _of(self, caller: Caller) -> _Spent:
        return self._spent.setdefault(caller.id, _Spent())


def _too_much(why: str, seconds: float) -> Refused:
    return Refused(429, f"{why}: try again in {math.ceil(seconds):,} s", headers={"retry-after": str(math.ceil(seconds))})
