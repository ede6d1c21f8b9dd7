"""The board of a comparison on a terminal: one screen, drawn again in its place while rungs answer, gone when it has ended.

Who reports leaves records; one thread draws them, a few times a second. What is said meanwhile, and what anybody writes to
stderr, is shown in part on the board, and printed in full below it when it has ended, however it ends. What the board says
is left to `report.board`; where stderr is no such terminal, all is as `screen` does it.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rung.cli.screen import Screen, moves, printable
from rung.cli.streams import in_foreground, messages_to
from rung.progress import Reporter, Tick, working_time
from rung.records.run_state import Event, RunEvent, RunState, WorkEvent
from rung.report.board import Clock, Line, board_lines
from rung.report.table import columns

LOOKS = 0.5  # seconds between two looks at whether there is anything new
LEAST = (20, 6)  # columns and rows: smaller terminals get lines
AFTER = 0.7  # seconds that a run takes before a board is worth it
_STYLES, _PLAIN = {"": "", "bold": "\x1b[1m", "dim": "\x1b[2m"}, "\x1b[0m"


@contextmanager
def live_board(screen: Screen, *, plain: bool = False) -> Iterator[Reporter]:
    """Who a comparison reports to: the board, or the screen where there is none to be drawn (no terminal, one that cannot, a
    job of CI, a log that is asked for) or wanted (`plain`)."""
    console = screen.console
    asked_for_log = logging.getLogger().isEnabledFor(logging.INFO)
    if plain or screen.quiet or asked_for_log or not moves(console) or console.width < LEAST[0] or console.height < LEAST[1]:
        yield screen
        return
    board, ended = LiveBoard(lambda: console.size, styled=not console.no_color), False
    try:
        with messages_to(board.take) as write:
            board.start(write)
            try:
                yield board
                ended = True
            finally:
                board.stop(leave=not ended)
    finally:
        for message in board.messages:
            screen.say(message)


class Canvas:
    """Lines on a terminal, drawn again in their place. `size`: (columns, rows) of the terminal as it is now. `styled`:
    bold and dim lines."""

    def __init__(self, size: Callable[[], tuple[int, int]], *, styled: bool = True) -> None:
        self._size, self._styled = size, styled
        self.drawn: list[int] = []  # columns of each line that stands there

    def frame(self, lines: list[Line]) -> str:
        """What is written to have these lines in the place of those that stand there: one text, so that nothing flickers.

        A terminal that was made narrower has broken the lines that stood there: each takes as many rows as it needs now.
        """
        width, height = self._size()
        rows = sum(max(1, -(-taken // max(1, width))) for taken in self.drawn)
        up = f"\x1b[{min(rows, height - 1)}A" if rows else ""
        texts = [(printable(text, breaks=False), style if self._styled else "") for text, style in lines]
        self.drawn = [columns(text) for text, _ in texts]
        body = "".join(f"{_STYLES[style]}{text}{_PLAIN if style else ''}\n" for text, style in texts)
        return f"\r{up}\x1b[J{body}"


class LiveBoard:
    """A reporter that draws. `size`, `styled`: as of `Canvas`."""

    shows_states = True

    def __init__(self, size: Callable[[], tuple[int, int]], *, styled: bool = True) -> None:
        self.messages: list[str] = []
        self._size, self._canvas = size, Canvas(size, styled=styled)
        self._state = RunState()
        self._left_at: tuple[float, float] | None = None  # seconds left, and when that was told
        self._began = working_time()
        self._over = threading.Event()
        self._half = ""  # the beginning of a message whose line is not ended
        self._write: Callable[[str], None] = lambda _text: None
        self._thread = threading.Thread(target=self._draw_on, name="board", daemon=True)
        self._before: object = None

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """A piece of work, on the board until it ends; then the one that it is a part of is there again."""
        outer = self._state.work

        def tick(done: int, total: int, note: str) -> None:
            self.post(WorkEvent(title, done, total, note))

        tick(0, 0, "")
        try:
            yield tick
        finally:
            self.post(outer)

    def say(self, text: str) -> None:
        """A message."""
        self.messages.append(text)

    def take(self, text: str) -> None:
        """A part of what is written to stderr: each line of it is a message."""
        *lines, self._half = (self._half + text).split("\n")
        self.messages += [line for line in lines if line.strip()]

    def post(self, event: Event) -> None:
        """Something happened."""
        if isinstance(event, RunEvent) and event.seconds_left is not None:
            self._left_at = event.seconds_left, working_time()
        self._state = self._state.after(event)

    def start(self, write: Callable[[str], None]) -> None:
        """Draw from now on."""
        self._write = write
        with suppress(ValueError):  # handlers belong to the main thread
            self._before = signal.signal(signal.SIGCONT, self._continued)
        self._thread.start()

    def stop(self, *, leave: bool) -> None:
        """Draw no more. The board goes, or stays as it is at last where `leave` says so."""
        self._over.set()
        self._thread.join()
        if self._before is not None:
            signal.signal(signal.SIGCONT, self._before)  # type: ignore[arg-type]  # what `signal` gave
        if self._half.strip():
            self.messages.append(self._half)
        if self._canvas.drawn and in_foreground():
            self._write(self._canvas.frame([] if not leave else self._lines(messages=[])))

    def _draw_on(self) -> None:
        before: object = None
        while not self._over.wait(LOOKS):
            elapsed = working_time() - self._began
            now = (self._state, len(self.messages), int(elapsed), self._size())
            if elapsed < AFTER or now == before or not in_foreground():
                continue
            before = now
            self._write(self._canvas.frame(self._lines(messages=self.messages)))

    def _lines(self, *, messages: list[str]) -> list[Line]:
        width, height = self._size()
        now = working_time()
        left = None if self._left_at is None else max(0.0, self._left_at[0] - (now - self._left_at[1]))
        clock = Clock(now - self._began, left)
        return board_lines(self._state, clock, width=max(1, width), height=max(1, height - 1), messages=messages)

    def _continued(self, _number: int, _frame: FrameType | None) -> None:
        """The process goes on after it was stopped: below what the shell has written meanwhile."""
        self._canvas.drawn = []
