"""Who uses a project's state just now: a comparison, which an erasure must not meet, and servers, which remember a while.

A server is known by a file that it holds a lock on; one on another machine, on the same PostgreSQL, is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rung.pipeline.run_record import LOCK
from rung.runtime.leases import FOLDER, User, is_locked

SERVING = "serving"  # in the project's state: a file for each server


@contextmanager
def serving(state: Path) -> Iterator[None]:
    """Be known as a server of this project."""
    server = User(state, SERVING)
    try:
        with suppress(OSError):  # a state that only can be read is not erased either
            _ = server.name
        yield
    finally:
        server.close()


def is_compared(state: Path) -> bool:
    """Whether a comparison, or anything else that asks models and keeps what they say, is under way."""
    return is_locked(state / LOCK) or any(map(is_locked, (state / FOLDER).glob("*")))


def servers(state: Path) -> int:
    """Servers of this project on this machine."""
    return sum(map(is_locked, (state / SERVING).glob("*")))
