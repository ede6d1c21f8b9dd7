"""A terminal for tests: a command runs on a pseudo-terminal, and a screen shows what a person would see there."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import pyte

ENDS = 180.0  # seconds that anything may take here

# the command's process before it is the command: a new session's terminal, and Ctrl-C as a shell in front leaves it. Another
# interpreter does it, for a fork of a process of many threads, as those of tests are, may crash or hang before it is another
BEGUN = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Terminal:
    """A command on a terminal of so many columns and rows. `text` is all that it wrote."""

    def __init__(self, *words: str | Path, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None) -> None:
        self.text = ""
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.frames: list[list[str]] = []
        environment = {k: v for k, v in os.environ.items() if k not in ("CI", "COLUMNS", "LINES", "NO_COLOR", "RUNG_LOG")}
        environment |= {"TERM": "xterm-256color", "PYTHONUNBUFFERED": "1", **(env or {})}
        self._master, ours = os.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", BEGUN, *words],
            stdin=ours,
            stdout=ours,
            stderr=ours,
            env=environment,
            start_new_session=True,
        )
        os.close(ours)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait(ENDS)
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

    def says(self, what: str, times: int = 1) -> None:
        """Wait until something was written so often."""
        ends = time.monotonic() + ENDS
        while self.text.count(what) < times:
            if time.monotonic() > ends or not self._read():
                raise AssertionError(f"{what!r} was written {self.text.count(what)} times:\n{self.text}")

    def ended(self) -> int:
        """The exit status, once the command has ended."""
        ends = time.monotonic() + ENDS
        while self._read():
            assert time.monotonic() < ends, "it never ended; at last:\n" + "\n".join(self.lines)
        return self.process.wait(ENDS)

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
