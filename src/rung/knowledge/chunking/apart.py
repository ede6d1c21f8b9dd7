"""Documents cut in processes, some at once and in order, where there are many; a few are cut where they are asked for.

What a passage is, is left to `passages`. A very long document, or one whose process was lost, is cut here.
"""

from __future__ import annotations

import logging
import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

from rung.knowledge.chunking.passages import Chunking, rows_of
from rung.knowledge.protocol import Counter, Embedder, Row, counter_of
from rung.knowledge.readers.workers import Workers, WorkLost, processes
from rung.records import Document

log = logging.getLogger(__name__)

_CUT_HERE = 2_000_000  # characters, a second's work: as long as processes take to start
_BATCH = 100_000  # characters that travel together
_LONGEST = 2_000_000  # characters of a document that travels
_SECONDS = 300.0  # that a batch may take


@dataclass(frozen=True)
class Cutting:
    """How documents are cut: an embedder's tokens, sizes, and the tokens that a passage may have."""

    embedder: Embedder
    chunking: Chunking
    max_tokens: int

    def rows(self, document: Document) -> list[Row]:
        """A document's passages, cut here."""
        return rows_of(document, chunking=self.chunking, count=self.embedder.count_tokens, max_tokens=self.max_tokens)


def rows_of_each(counter: bytes, chunking: Chunking, max_tokens: int, documents: Sequence[Document]) -> list[list[Row]]:
    """The passages of several documents. `counter`: a pickled `Counter`."""
    count = _unpickled(counter).count
    return [rows_of(document, chunking=chunking, count=count, max_tokens=max_tokens) for document in documents]


@lru_cache(maxsize=1)
def _unpickled(counter: bytes) -> Counter:
    unpickled: Counter = pickle.loads(counter)
    return unpickled


class CutApart:
    """Cuts documents as they come. Use it as a context: at its end its processes are ended."""

    def __init__(self, cutting: Cutting, *, count: int | None = None) -> None:
        """`count`: of processes; None: as many as are worth having."""
        self._cutting = cutting
        self._count = processes() if count is None else count
        self._counter = counter_of(cutting.embedder)
        self._workers: Workers | None = None

    def __enter__(self) -> CutApart:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._workers is not None:
            self._workers.__exit__(kind, error, trace)

    def each(self, documents: Iterable[Document]) -> Iterator[tuple[Document, list[Row]]]:
        """Every document with its passages, in order."""
        coming, cut_here = iter(documents), 0
        for document in coming:
            yield document, self._cutting.rows(document)
            cut_here += len(document.text)
            if cut_here > _CUT_HERE and self._counter is not None and self._count > 1:
                break
        else:
            return
        yield from self._apart(coming)

    def _apart(self, documents: Iterable[Document]) -> Iterator[tuple[Document, list[Row]]]:
        self._workers = Workers(self._count)
        blob = pickle.dumps(self._counter)
        waiting: deque[tuple[list[Document], Future[list[list[Row]]] | None]] = deque()
        for batch in _batches(documents):
            is_long = len(batch) == 1 and len(batch[0].text) > _LONGEST
            given = (blob, self._cutting.chunking, self._cutting.max_tokens, batch)
            waiting.append((batch, None if is_long else self._workers.submit(rows_of_each, *given, seconds=_SECONDS)))
            if len(waiting) > 2 * self._count:
                yield from self._arrived(*waiting.popleft())
        for batch, future in waiting:
            yield from self._arrived(batch, future)

    def _arrived(
        self, batch: Sequence[Document], future: Future[list[list[Row]]] | None
    ) -> Iterator[tuple[Document, list[Row]]]:
        rows: Iterable[list[Row]]
        try:
            rows = map(self._cutting.rows, batch) if future is None else future.result()
        except WorkLost as lost:
            log.warning("%s: %s; it is cut here", batch[0].id, lost)
            rows = map(self._cutting.rows, batch)
        yield from zip(batch, rows, strict=True)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch, characters = list[Document](), 0
    for document in documents:
        if batch and characters + len(document.text) > _BATCH:
            yield batch
            batch, characters = [], 0
        batch.append(document)
        characters += len(document.text)
    if batch:
        yield batch
