"""Many requests side by side, each result as it comes; what one raises ends the others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import TypeVar, cast

T = TypeVar("T")
_LINGER = 5.0  # seconds that answers under way are waited for when another request ended the run


def spread(work: Callable[[int, threading.Event], T], count: int, *, threads: int) -> Iterator[tuple[int, T]]:
    """Yield (number, work(number, halt)) for 0 … count - 1 as each is done; what one raises is raised here.

    Each thread works in a copy of the caller's context, so that what it says is heard by who listens to the caller.
    Left half-way, nothing new is begun and nobody waits for what hangs: `halt` is set, and the threads are daemons. Where
    one raises, answers that are under way are waited for a little and yielded first: they may have cost money.
    """
    halt = threading.Event()
    todo = iter(range(count))
    taking = threading.Lock()
    done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()
    begun, ended = 0, 0

    def labour() -> None:
        nonlocal begun
        while not halt.is_set():
            with taking:
                number = None if halt.is_set() else next(todo, None)
                begun += number is not None
            if number is None:
                return
            try:
                done.put((number, work(number, halt), None))
            except BaseException as error:  # carried to the caller's thread; nothing new is begun
                with taking:
                    halt.set()
                done.put((number, None, error))

    for _ in range(min(threads, count)):
        threading.Thread(target=copy_context().run, args=(labour,), name="rung-http", daemon=True).start()
    try:
        while ended < count:
            number, result, error = done.get()
            ended += 1
            if error is not None:
                yield from _late(done, begun - ended)
                raise error
            yield number, cast(T, result)
    except BaseException:
        halt.set()
        raise


def _late(done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]], under_way: int) -> Iterator[tuple[int, T]]:
    """The answers that still come, within a few seconds; what failed is passed over."""
    end = time.monotonic() + _LINGER
    for _ in range(under_way):
        try:
            number, result, error = done.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return
        if error is None:
            yield number, cast(T, result)
