"""A terminal for tests: a command runs on a pseudo-terminal, and a screen shows what a person would see there."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import pyte

ENDS = 180.0  # seconds that anything may take here


class Terminal:
    """A command on a terminal of so many columns and rows. `text` is all that it wrote."""

    def __init__(self, *words: str | Path, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None) -> None:
        self.text = ""
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.frames: list[list[str]] = []
        environment = {k: v for k, v in os.environ.items() if k not in ("CI", "COLUMNS", "LINES", "NO_COLOR", "RUNG_LOG")}
        environment |= {"TERM": "xterm-256color", "PYTHONUNBUFFERED": "1", **(env or {})}
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background of a shell has it ignored
            os.execve(sys.executable, [sys.executable, *map(str, words)], environment)
        self.resize(columns, rows)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._master)

    def resize(self, columns: int, rows: int) -> None:
        """Another size from now on."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    def type(self, text: str) -> None:
        """Keys pressed, control characters too."""
        os.write(self._master, text.encode())

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def everything(self) -> list[str]:
        """What has scrolled off, and what stands on the screen."""
        above = ["".join(row[n].data for n in range(self._screen.columns)).rstrip() for row in self._screen.history.top]
        return above + self.lines

    def shows(self, what: Callable[[str], bool]) -> list[str]:
        """The screen once something of it is so."""
        ends = time.monotonic() + ENDS
        while not what("\n".join(self.lines)):
            if time.monotonic() > ends or not self._read():
                raise AssertionError("never shown; at last:\n" + "\n".join(self.lines))
        return self.lines

    def ended(self) -> int:
        """The exit status, once the command has ended."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        """Take what was written; False where nobody writes any more."""
        if not select.select([self._master], [], [], ENDS)[0]:
            raise AssertionError("nothing was written for so long; at last:\n" + "\n".join(self.lines))
        try:
            written = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        self.text += written.decode("utf-8", "replace")
        self._stream.feed(written)
        return bool(written)
