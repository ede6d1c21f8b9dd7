"""How long work reports where it is: a phase with a title, and ticks of (done, all, note). Showing it is left to `cli`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
