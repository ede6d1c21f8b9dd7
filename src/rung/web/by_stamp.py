"""What is slow to make of files, kept until one of them changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from rung.files.durable import standing

T = TypeVar("T")
Stamp = tuple[int, ...] | None  # of one file


def stamp_of(path: Path) -> Stamp:
    """Another value whenever somebody has written into a file; None where there is none."""
    try:
        return tuple(standing(path))
    except OSError:
        return None


class ByStamp(Generic[T]):
    """The newest values of a function of files, `most` of them; used by many threads."""

    def __init__(self, most: int = 8) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Hashable, tuple[tuple[Stamp, ...], T]] = OrderedDict()
        self._being_made: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, files: Iterable[Path], make: Callable[[], T]) -> T:
        """The value of a key: made anew where one of the files is another one than it was, or has come or gone.

        Who asks while it is made waits for it.
        """
        stamp = tuple(stamp_of(path) for path in files)
        with self._lock:
            cached = self._values.get(key)
            if cached is not None and cached[0] == stamp:
                self._values.move_to_end(key)
                return cached[1]
            alone = self._being_made.setdefault(key, threading.Lock())
        with alone:
            with self._lock:
                cached = self._values.get(key)
            if cached is not None and cached[0] == stamp:
                return cached[1]
            try:
                value = make()
                with self._lock:
                    self._values[key] = (stamp, value)
                    self._values.move_to_end(key)
                    if len(self._values) > self._most:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._being_made.pop(key, None)
        return value
