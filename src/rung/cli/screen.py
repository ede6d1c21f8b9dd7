"""What the person at the terminal sees: bars and messages on stderr, results on stdout, errors without tracebacks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rung.progress import Tick
from rung.records import Dropped, Problem

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_PROBLEMS = 12
EVERY = 20.0  # seconds between two lines of a phase where stderr is no terminal
QUICK = 0.3  # seconds: a phase that ends sooner leaves no line behind


class Screen:
    """Reports long work on stderr: a bar that moves where stderr is a terminal, elsewhere a line now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @property
    def console(self) -> Console:
        """Rich on stderr."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """A bar until the work ends."""
        if self.quiet:
            yield lambda _done, _all, _note: None
            return
        began = time.monotonic()
        console = self.console
        if not console.is_terminal:
            said = began

            def line(done: int, total: int, note: str) -> None:
                nonlocal said
                if time.monotonic() - said >= EVERY:
                    said = time.monotonic()
                    console.print(f"{title:<28} {done:,} of {total:,}  {note}".rstrip(), markup=False)

            yield line
            _ended(console, title, time.monotonic() - began)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("<"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(title, total=None, note="")

            def tick(done: int, total: int, note: str) -> None:
                progress.update(task, completed=done, total=total or None, note=note)

            yield tick
        _ended(console, title, time.monotonic() - began)

    def say(self, text: str) -> None:
        """One line on stderr."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def problems(self, problems: Sequence[Problem]) -> None:
        """What was left out, with the places; the first few in full."""
        if not problems or self.quiet:
            return
        for problem in problems[:SHOWN_PROBLEMS]:
            self.say(f"! {problem}")
        if len(problems) > SHOWN_PROBLEMS:
            self.say(f"! … and {len(problems) - SHOWN_PROBLEMS} more (rung check lists them all)")

    def dropped(self, dropped: Sequence[Dropped]) -> None:
        """What rules left out of the documents, a line for each file; the first few in full."""
        lines = _by_file(dropped)
        for line in lines[:SHOWN_PROBLEMS]:
            self.say(line)
        if len(lines) > SHOWN_PROBLEMS:
            self.say(f"… and of {len(lines) - SHOWN_PROBLEMS} more files (rung sync --json lists them all)")


def _by_file(dropped: Sequence[Dropped]) -> list[str]:
    """A line for each file."""
    files: dict[str, list[str]] = {}
    for part in dropped:
        files.setdefault(part.path, []).append(f"{part.what} ({part.count:,})")
    return [f"{path}: left out: {', '.join(parts)}" for path, parts in files.items()]


def _ended(console: Console, title: str, seconds: float) -> None:
    if seconds >= QUICK:
        console.print(f"{title:<28} {seconds:7.1f} s", markup=False)


def out(text: str) -> None:
    """A result, on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
