"""How long work reports where it is: a phase with a title, and ticks of (done, all, note). Showing it is left to `cli`.

Who is listening is set once, by `reporting`, for all that is done within it (in the same thread), as it is with `logging`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Tick = Callable[[int, int, str], None]
REPLAYED = "nothing asked: its answers are kept"  # the note of the last tick, where all results were there already


class Reporter(Protocol):
    """Receives what long work reports."""

    def phase(self, title: str) -> AbstractContextManager[Tick]:
        """A piece of work begins; the tick it is given says how far it is, until the context ends."""
        ...

    def say(self, text: str) -> None:
        """A line for the person: something was left out, or took another way."""
        ...


class Silent:
    """Reports to nobody."""

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:  # noqa: ARG002 - the protocol's parameter
        """A tick that goes nowhere."""
        yield lambda _done, _all, _note: None

    def say(self, text: str) -> None:
        """Say nothing."""


_listening: ContextVar[Reporter] = ContextVar("listening", default=Silent())  # noqa: B039 - it has no state


@contextmanager
def reporting(to: Reporter | None) -> Iterator[None]:
    """What is done meanwhile reports to this one; None changes nothing."""
    if to is None:
        yield
        return
    before = _listening.set(to)
    try:
        yield
    finally:
        _listening.reset(before)


def listening() -> Reporter:
    """Who receives reports now."""
    return _listening.get()


def phase(title: str) -> AbstractContextManager[Tick]:
    """A piece of work begins; see `Reporter.phase`."""
    return listening().phase(title)


_interrupting: ContextVar[Callable[[], None]] = ContextVar("interrupting", default=lambda: None)


@contextmanager
def waiting_while(go_on: Callable[[], None]) -> Iterator[None]:
    """Who waits for another process meanwhile calls this now and then; it raises what ends the waiting."""
    before = _interrupting.set(go_on)
    try:
        yield
    finally:
        _interrupting.reset(before)


def waiting() -> None:
    """Another process is waited for: raises where a budget does not allow that any longer; see `waiting_while`."""
    _interrupting.get()()


def say(text: str) -> None:
    """A line for the person; see `Reporter.say`."""
    listening().say(text)
