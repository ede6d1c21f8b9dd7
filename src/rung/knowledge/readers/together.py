"""Many small files read in processes, some at once: the process that cuts and embeds has only to take what comes.

A few are read where they are asked for, since a process takes longer to start than they to read. A file that is too large,
or whose process was lost, is read there as well. What a file holds is left to `converting`, order to `loading`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from rung.knowledge.readers.converting import read, read_each
from rung.knowledge.readers.registry import quick
from rung.knowledge.readers.source import Item, SourceFile
from rung.knowledge.readers.workers import Workers, WorkLost

log = logging.getLogger(__name__)

FILES = 64  # of a batch
_MANY = 2048  # files, from which on they are read so
_LARGEST = 128 * 1024  # bytes of a file that is read so
_SECONDS = 120.0


class Batch:
    """Files that travel together, until they are asked for or are enough. `seconds`: that all of them may take."""

    def __init__(self, workers: Workers, *, seconds: float = _SECONDS) -> None:
        self._workers, self._seconds, self._files = workers, seconds, list[SourceFile]()
        self._future: Future[list[list[Item]]] | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it is on its way, and takes no more."""
        return self._future is not None

    def add(self, file: SourceFile) -> int:
        """The index of a file in it; the last one sends it on its way."""
        self._files.append(file)
        if len(self._files) == FILES:
            self._send()
        return len(self._files) - 1

    def items(self, index: int) -> Iterator[Item]:
        """What the file at an index holds."""
        file = self._files[index]
        try:
            read_there = self._send().result()
        except WorkLost as lost:
            log.warning("%s: %s; it is read here", file.id, lost)
            yield from read(file)
            return
        items, read_there[index] = read_there[index], []  # nobody asks twice
        yield from items

    def _send(self) -> Future[list[list[Item]]]:
        if self._future is None:
            files = [(file.id, str(file.path), file.suffix, file.charset) for file in self._files]
            self._future = self._workers.submit(read_each, files, seconds=self._seconds)
        return self._future


class Together:
    """Reads small files, many at once where there are many."""

    def __init__(self, workers: Workers) -> None:
        self._workers, self._count = workers, 0
        self._batch: Batch | None = None

    @property
    def are_many(self) -> bool:
        """Whether files go in batches by now."""
        return self._count > _MANY

    def begun(self, file: SourceFile) -> Iterable[Item]:
        """What a file on disk holds, when it is asked for."""
        if self._workers.count == 1 or file.suffix not in quick():
            return read(file)
        self._count += 1
        if not self.are_many or not _is_small(file):
            return read(file)
        if self._batch is None or self._batch.is_closed:
            self._batch = Batch(self._workers)
        return self._batch.items(self._batch.add(file))


def _is_small(file: SourceFile) -> bool:
    try:
        return file.path.stat().st_size <= _LARGEST
    except OSError:
        return False  # reading it says why
