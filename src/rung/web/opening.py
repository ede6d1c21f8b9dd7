"""Models and index take long to open: that is done on a thread, and pages say meanwhile what is being opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from rung.progress import Lines, reporting
from rung.web.background import Background, Tell, Threads, Underway
from rung.web.project_at_hand import ProjectAtHand

T = TypeVar("T")
_STILL = 0.5  # seconds between two looks at what is being opened
_FIRST = "looking at what there is"


@dataclass(frozen=True, slots=True)
class Opening:
    """What is being opened now, in words."""

    words: str


def opening(at_hand: ProjectAtHand, name: str, stamp: Hashable, work: Callable[[], T]) -> T | Underway:
    """What a page needs open, or how far that is; whoever asks first begins it.

    Args:
        at_hand: whose models and index.
        name: of what is needed.
        stamp: of what it is made; with another one it is opened anew.
        work: opens it.

    Raises:
        UserError: it cannot be opened; asked again, it is tried again.
    """
    parts: Background[T] = at_hand.part(f"opening {name}", lambda: Background[T](1, threads=Threads(1)))

    def reported(tell: Tell) -> T:
        tell(0.0, _FIRST)
        return _reported(work, lambda line: tell(0.0, line))

    return parts.get(name, stamp, reported)


async def opened(work: Callable[[], T]) -> AsyncGenerator[Opening | T]:
    """What is being opened, again and again, and in the end what was opened.

    Raises:
        UserError: it cannot be opened.
    """
    lines = [_FIRST]
    task = asyncio.ensure_future(run_in_threadpool(_reported, work, lines.append))
    while not (await asyncio.wait({task}, timeout=_STILL))[0]:
        yield Opening(lines[-1])
    yield task.result()


def _reported(work: Callable[[], T], show: Callable[[str], object]) -> T:
    with reporting(Lines(show, seconds=_STILL)):
        return work()
