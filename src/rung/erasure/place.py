"""What every place of the project's state can do: say what it holds of a target, and erase it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rung.erasure.target import Finding, Left, Target


class Place(Protocol):
    """A part of the project's state. Erasing twice is as erasing once: a kill in the middle leaves less to do."""

    def find(self, target: Target) -> Sequence[Finding]:
        """What it holds.

        Raises:
            UserError: it cannot be read.
        """
        ...

    def left(self, target: Target) -> Sequence[Left]:
        """What of it is not erased here, and why."""
        ...

    def erase(self, target: Target) -> None:
        """Erase what `find` finds, down to the file.

        Raises:
            UserError: another process holds it.
        """
        ...

    def count(self) -> int:
        """How many records of its main kind there are, 0 where that says nothing: what a share is of."""
        ...
