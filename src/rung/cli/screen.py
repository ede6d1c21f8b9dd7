"""What the person at the terminal sees: bars and messages on stderr, results on stdout, errors without tracebacks.

This is the one place through which the command line prints: what documents, names and servers say may hold characters that
move the cursor, change what stands above or hide what follows, and none of those reaches a terminal as it is.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rung.cli.streams import written
from rung.progress import REPLAYED, Tick
from rung.records import Dropped, Problem

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_PROBLEMS = 12
EVERY = 20.0  # seconds between two lines of a phase where stderr is no terminal
QUICK = 0.3  # seconds: a phase that ends sooner leaves no line behind
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the order of what follows


class Screen:
    """Reports long work on stderr: a bar that moves where stderr is a terminal, elsewhere a line now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.mid_line = False  # whether stdout stands in the middle of a line, as while an answer is streamed

    @property
    def console(self) -> Console:
        """Rich on stderr."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """A bar until the work ends."""
        if self.quiet:
            yield lambda _done, _all, _note: None
            return
        began = time.monotonic()
        console = self.console
        last = ""  # the note of the last tick
        if not moves(console):
            printed = began

            def line(done: int, total: int, note: str) -> None:
                nonlocal printed, last
                last = note
                if time.monotonic() - printed >= EVERY:
                    printed = time.monotonic()
                    text = printable(f"{title:<28} {done:,} of {total:,}  {note}".rstrip(), breaks=False)
                    console.print(text, markup=False)

            yield line
            _ended(console, title, time.monotonic() - began, last)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<28}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("<"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(printable(title, breaks=False), total=None, note="")

            def tick(done: int, total: int, note: str) -> None:
                nonlocal last
                last = note
                progress.update(task, completed=done, total=total or None, note=printable(note, breaks=False))

            yield tick
        _ended(console, title, time.monotonic() - began, last)

    def say(self, text: str) -> None:
        """One line on stderr; a line of stdout that is not ended is ended first."""
        if not self.quiet:
            if self.mid_line:
                out("")
                self.mid_line = False
            self.console.print(printable(text), markup=False)

    def problems(self, problems: Sequence[Problem], *, all_by: str = "rung check") -> None:
        """What was left out, with the places; the first few in full. `all_by`: the command that lists them all."""
        for problem in problems[:SHOWN_PROBLEMS]:
            self.say(printable(f"! {problem}", breaks=False))
        if len(problems) > SHOWN_PROBLEMS:
            self.say(f"! … and {len(problems) - SHOWN_PROBLEMS} more ({all_by} lists them all)")

    def dropped(self, dropped: Sequence[Dropped]) -> None:
        """What rules left out of the documents: the first few files in full, then how much of what in all."""
        from rung.pipeline.sources import left_out

        lines = left_out(dropped)
        for line in lines[:SHOWN_PROBLEMS]:
            self.say(printable(line, breaks=False))
        if len(lines) > SHOWN_PROBLEMS:
            whole: Counter[str] = Counter()
            for part in dropped:
                whole[part.what] += part.count
            summary = ", ".join(f"{what} ({count:,})" for what, count in whole.most_common())
            self.say(f"… {len(lines):,} files in all: left out: {summary} (rung sync --json lists each file)")


def moves(console: Console) -> bool:
    """Whether what is shown may be drawn again in its place: on a terminal that can, and that a person looks at."""
    return console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")


def _ended(console: Console, title: str, seconds: float, note: str) -> None:
    if seconds >= QUICK:
        took = note if note == REPLAYED else f"{seconds:7.1f} s"
        console.print(printable(f"{title:<28} {took}", breaks=False), markup=False)


def printable(text: str, *, breaks: bool = True) -> str:
    r"""A text without characters that do something to a terminal; they are written as in JSON, so that JSON stays JSON.

    With `breaks`, the text may have several lines; without, line breaks are written out too: a name cannot begin a line.

    >>> print(printable("a\x1b[2Jb\nc", breaks=False))
    a\u001b[2Jb\nc
    """
    text = text.replace("\r\n", "\n")
    if not breaks:
        text = text.replace("\n", "\\n")
    if text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if _acts(c) else c for c in text)


def _acts(character: str) -> bool:
    """Control characters but tab and line feed, half characters, separators of lines, and what turns the order around."""
    if character in "\t\n":
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _TURNING


def out(text: str, *, end: str = "\n") -> None:
    """A result, on stdout; raises as `streams.written` does."""
    written(printable(text) + end)


def out_line(text: str) -> None:
    """One line of a result, on stdout, whatever the names in it hold."""
    out(printable(text, breaks=False))


def err(text: str) -> None:
    """A message, on stderr."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


class Logged(logging.Formatter):
    """Records of the log, as `printable`."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        return printable(super().format(record))
