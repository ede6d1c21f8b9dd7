"""How long work reports where it is: a phase with a title, and ticks of (done, all, note). Showing it is left to `cli`.

Who is listening is set once, by `reporting`, for all that is done within it (in the same thread), as it is with `logging`.
A reporter that is a `Watcher` is told besides what a comparison has come to, as records (`records.run_state`).
How long work takes is told by `working_time`, which stands still while a person has paused it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Protocol, runtime_checkable

from rung.records.run_state import Event

Tick = Callable[[int, int, str], None]
_LOOKING = 0.5  # seconds in which a pause looks whether anybody ends it
REPLAYED = "nothing asked: its answers are kept"  # the note of the last tick, where all results were there already


@runtime_checkable
class Reporter(Protocol):
    """Receives what long work reports."""

    def phase(self, title: str) -> AbstractContextManager[Tick]:
        """A piece of work begins; the tick it is given says how far it is, until the context ends."""
        ...

    def say(self, text: str) -> None:
        """A line for the person: something was left out, or took another way."""
        ...


@runtime_checkable
class Watcher(Protocol):
    """Receives what happens in a comparison, event by event. `shows_states`: a person sees them as they come, so that
    nobody needs to be told of them in words."""

    shows_states: bool

    def post(self, event: Event) -> None:
        """Something happened."""
        ...


class Silent:
    """Reports to nobody."""

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:  # noqa: ARG002 - the protocol's parameter
        """A tick that goes nowhere."""
        yield lambda _done, _all, _note: None

    def say(self, text: str) -> None:
        """Say nothing."""


class Lines:
    """Reports as lines of text: that a piece of work begins, now and then how far it is, and whatever is said.

    Args:
        show: takes a line, as `print` does.
        seconds: between two lines on the same piece of work, at least.
    """

    def __init__(self, show: Callable[[str], object], *, seconds: float = 5.0) -> None:
        self._show, self._seconds = show, seconds

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """A line with its title; the tick makes others."""
        self._show(title)
        last = monotonic()

        def tick(done: int, total: int, note: str) -> None:
            nonlocal last
            if monotonic() - last >= self._seconds:
                last = monotonic()
                self._show(f"{title}: {done:,} of {total:,}{f' ({note})' if note else ''}" if total else f"{title}: {note}")

        yield tick

    def say(self, text: str) -> None:
        """The line."""
        self._show(text)


_listening: ContextVar[Reporter] = ContextVar("listening", default=Silent())  # noqa: B039 - it has no state
_watching: ContextVar[Watcher | None] = ContextVar("watching", default=None)


@contextmanager
def reporting(to: Reporter | None) -> Iterator[None]:
    """What is done meanwhile reports to this one; None changes nothing. Who watches goes on to, unless this one does."""
    if to is None:
        yield
        return
    before = _listening.set(to)
    watched = _watching.set(to if isinstance(to, Watcher) else _watching.get())
    try:
        yield
    finally:
        _watching.reset(watched)
        _listening.reset(before)


def watcher() -> Watcher | None:
    """Who watches the comparison now; None: nobody, and nothing needs to be put together."""
    return _watching.get()


def post(event: Event) -> None:
    """Tell who watches, if anybody does."""
    if (now := watcher()) is not None:
        now.post(event)


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


def waiting_for(what: str) -> Callable[[], None]:
    """`waiting`, to be called again and again, which says once what is waited for."""
    is_said = False

    def tell() -> None:
        nonlocal is_said
        if not is_said:
            is_said = True
            say(what)
        waiting()

    return tell


def rest(seconds: float) -> None:
    """A pause that who pauses or stops the command, or a budget, may end; see `waiting`."""
    end = monotonic() + seconds
    waiting()
    while (left := end - monotonic()) > 0:
        sleep(min(_LOOKING, left))
        waiting()


def say(text: str) -> None:
    """A line for the person; see `Reporter.say`."""
    listening().say(text)


@dataclass
class _Pauses:
    """Of this process: seconds of those that are over, and since when it is paused now."""

    seconds: float = 0.0
    since: float | None = None


_pauses = _Pauses()


def working_time() -> float:
    """Seconds of a clock that stands still while the work is paused; only differences mean anything."""
    return (monotonic() if _pauses.since is None else _pauses.since) - _pauses.seconds


@contextmanager
def standing_still() -> Iterator[None]:
    """The work is paused meanwhile: `working_time` does not go on."""
    _pauses.since = monotonic()
    try:
        yield
    finally:
        _pauses.seconds += monotonic() - _pauses.since
        _pauses.since = None
