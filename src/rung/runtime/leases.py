"""Which processes are at work on one project now: each holds a lock on a file of its own, which goes with the process.

What is leased by whom stands in the store of steps; waiting for others is left to `batch`.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

FOLDER = "asking"  # in the project's state


class User:
    """This process (each opened store, to be exact) among those that ask. Its file is there from the first question on.

    `folder`: where these files are; another one is of processes that do something else.
    """

    def __init__(self, state: Path, folder: str = FOLDER) -> None:
        self._folder = state / folder
        self._name = uuid.uuid4().hex
        self._held: BinaryIO | None = None

    @property
    def name(self) -> str:
        """By which others know it; whoever knows it can tell whether it lives.

        Raises:
            OSError: its file cannot be written.
        """
        if self._held is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = (self._folder / self._name).open("wb")
            fcntl.flock(self._held, fcntl.LOCK_EX)
        return self._name

    def lives(self, name: str) -> bool:
        """Whether the process of this name still runs; what a dead one left is removed."""
        path = self._folder / os.path.basename(name)  # noqa: PTH119 - out of a database that may be damaged
        alive = is_locked(path)
        if not alive:
            with suppress(OSError):
                path.unlink()
        return alive

    def others(self) -> bool:
        """Whether any other process is asking."""
        return any(path.name != self._name and is_locked(path) for path in self._folder.glob("*"))

    def close(self) -> None:
        """Be known no longer."""
        if self._held is not None:
            (self._folder / self._name).unlink(missing_ok=True)
            self._held.close()
            self._held = None


def is_locked(path: Path) -> bool:
    """Whether a process that lives has locked this file."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
