"""What a reader is given, and what it gives back: the contract that every reader keeps, and the limits on its input.

Which files are read is left to `places`, with which reader to `converting`.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from rung.records import Document, Dropped

LARGEST_FILE = 256 * 2**20  # bytes of a file that is read whole
LARGEST_ROW = 32 * 2**20  # bytes of one line of a file of rows
LONGEST_TEXT = 20_000_000  # characters of one document that is longer than its file
_ATTEMPTS = 3
_SETTLED = 2.0  # seconds after which a file that is written again shows another time

# What a reader yields: a line (from 1; 0 is the whole file) and what stands there: a document, what is wrong, or what a rule
# leaves out of the document.
Item = tuple[int, Document | str | Dropped]


class Unusable(ValueError):
    """This file or document cannot be taken; the message says why. `line` (from 1) is where, 0 where it is not known."""

    def __init__(self, reason: str, line: int = 0) -> None:
        self.line = line
        super().__init__(reason)


class SourceFile:
    """A file on its way to a reader.

    `id` is its path relative to the project's root, with `/` (of a web page, the address); documents that are files are
    named so. Without a `path` there is `data`, and the id says which reader it is for, else `path` or `suffix`. `charset`
    is what its server declared. A file on disk is read when `data` is first asked for.
    """

    __slots__ = ("_data", "charset", "id", "path", "suffix")

    def __init__(
        self, id: str, path: Path | None = None, data: bytes | None = None, *, suffix: str | None = None, charset: str = ""
    ) -> None:
        self.id, self.path, self._data, self.charset = id, Path(id) if path is None else path, data, charset
        self.suffix = self.path.suffix.lower() if suffix is None else suffix

    @property
    def name(self) -> str:
        """The last part of the id without its suffix: a title where there is no better one."""
        return PurePosixPath(self.id).stem

    @property
    def on_disk(self) -> bool:
        """Whether it still has to be read from `path`."""
        return self._data is None

    @property
    def data(self) -> bytes:
        """All bytes.

        Raises:
            Unusable: it is no plain file, is too large, or kept changing while it was read.
            OSError: it cannot be read.
        """
        if self._data is None:
            self._data = _read_whole(self.path)
        return self._data

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Each line with its number from 1; None for one that is longer than `LARGEST_ROW`. Reads as it goes.

        Raises:
            Unusable: it is no plain file, or it changed while it was read (after all lines have been given).
            OSError: it cannot be read.
        """
        if self._data is not None:
            yield from _lines(io.BytesIO(self._data))
            return
        with _opened(self.path) as file:
            before = _stamp(file)
            yield from _lines(file)
            if _stamp(file) != before:
                raise Unusable("changed while it was read; run the command again")


# A reader never raises for bad input: it yields the reason. What it raises all the same belongs to this one file.
Reader = Callable[[SourceFile], Iterable[Item]]


def drops(file: SourceFile, counts: Mapping[str, int]) -> Iterator[Item]:
    """What a reader left out by a rule: what (in the plural) -> how many."""
    yield from ((0, Dropped(file.id, what, count)) for what, count in counts.items() if count)


def stamp_of(path: Path | str) -> str:
    """Changes whenever a file is written, replaced or moved, even where its time of change is set back.

    Raises:
        OSError: there is no such file.
    """
    seen = os.stat(path)  # noqa: PTH116 - a path of each of a million files takes longer
    return f"{seen.st_size}.{seen.st_mtime_ns}.{seen.st_ctime_ns}.{seen.st_ino}"


def is_settled(path: Path | str) -> bool:
    """Whether a further change would show in the file's times: clocks of file systems tick slowly.

    Raises:
        OSError: there is no such file.
    """
    seen = os.stat(path)  # noqa: PTH116
    return time.time() - max(seen.st_mtime, seen.st_ctime) > _SETTLED


def _stamp(file: BinaryIO) -> tuple[int, int]:
    seen = os.fstat(file.fileno())
    return seen.st_size, seen.st_mtime_ns


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    while line := file.readline(LARGEST_ROW + 1):
        number += 1
        if len(line) <= LARGEST_ROW:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LARGEST_ROW)
        yield number, None


def _opened(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
        raise Unusable("is no plain file")
    return path.open("rb")


def _read_whole(path: Path) -> bytes:
    for _ in range(_ATTEMPTS):
        with _opened(path) as file:
            before = _stamp(file)
            if before[0] > LARGEST_FILE:
                mib = 2**20
                raise Unusable(f"is {before[0] // mib} MiB long; at most {LARGEST_FILE // mib} MiB are read: split it")
            data = file.read(LARGEST_FILE + 1)
            if _stamp(file) == before and len(data) == before[0]:
                return data
    raise Unusable("kept changing while it was read; run the command again")
