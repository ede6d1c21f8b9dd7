"""Indexes that hold a project's documents in another way follow them, where they can beside answering.

A rung may cut or embed the documents in its own way (`chunk_tokens`, `tuned_retriever`). When another process has added
documents its index is made anew on a thread, which takes minutes where a model writes sentences of context. Meanwhile the
old one answers, without the passages of documents that are gone, that the caller may not read any more, or whose text is
another one by now. A sync that changed or removed documents has removed the old one too, lest a deleted text stays in it:
then questions wait for the new one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.knowledge.protocol import IndexGone
from rung.progress import Tick, reporting, waiting_while
from rung.records import Asker, Document, Passage

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

_PAUSE = 10.0  # seconds after a failure until it is tried again
_ENDING = 5.0  # seconds in which what is under way may end by itself
_TRIES = 3  # for who waits, while other processes remove what is made
_log = logging.getLogger(__name__)


class _Ending(Exception):
    """The server stops: what was embedded is kept for the next sync."""


class Following:
    """Keeps indexes up to date with the project's. Thread-safe.

    Args:
        documents: the project's index; None: it has no documents.
        cuttings: the others, by the names that searches have for them. Each is replaced by another when it has followed.
    """

    def __init__(self, documents: Knowledge | None, cuttings: dict[str, Knowledge]) -> None:
        self._documents, self.cuttings = documents, cuttings
        self._followed: _Followed | None = None
        self._starting, self._making = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._not_before = 0.0  # of `time.monotonic`
        self.trouble = ""  # why they could not follow; "" where they could

    @property
    def is_current(self) -> bool:
        """Whether all hold the documents as they are in the project's index."""
        if self._documents is None or not self.cuttings:
            return True
        followed = self._followed
        return followed is not None and followed.version == self._documents.version and followed.stands(self.cuttings)

    def refresh(self) -> None:
        """Look at the newest version of the project's index. Where the others are as they were left they begin to follow it;
        where one is not there, or was never looked at, they have followed when this returns.

        Raises:
            UserError: one that is waited for cannot be brought up to date, or could not a moment ago.
        """
        if self._documents is None:
            return
        self._documents.refresh()
        if self.is_current:
            return
        if self._can_answer:
            self._begin(self._documents)
            return
        with self._making:
            self._wait_for(self._documents)

    def lost(self) -> None:
        """A search has found that files of one are gone: it is waited for until it has been made again."""
        self._followed = None

    @property
    def _can_answer(self) -> bool:
        """Whether all that was followed is still where it was."""
        followed = self._followed
        return followed is not None and followed.stands(self.cuttings)

    def _wait_for(self, documents: Knowledge) -> None:
        for _ in range(_TRIES):
            if self._can_answer:
                return
            if self.trouble and time.monotonic() < self._not_before:
                raise UserError(self.trouble)
            try:
                with self._noting_trouble():
                    self._follow(documents)
            except _Ending:
                raise UserError("the server stops") from None
            documents.refresh()
        if not self._can_answer:
            raise UserError("the index was removed again while it was made, by another process: ask again in a moment")

    def _begin(self, documents: Knowledge) -> None:
        with self._starting:
            if (self._thread is None or not self._thread.is_alive()) and time.monotonic() >= self._not_before:
                self._thread = threading.Thread(target=self._beside, args=(documents,), name="following", daemon=True)
                self._thread.start()

    def behind(self, name: str) -> Knowledge | None:
        """The index of this name, while it has not followed."""
        return None if self.is_current else self.cuttings.get(name)

    def still(self, old: Knowledge, passages: tuple[Passage, ...], asker: Asker) -> tuple[Passage, ...]:
        """Those of an old index's passages that this asker may read now, and whose documents have the text they had."""
        if self._documents is None:
            return passages
        groups, ids = self._documents.document_groups(), sorted({passage.document for passage in passages})
        before, now = old.snapshot().contents(ids), self._documents.snapshot().contents(ids)
        readable = {id for id in ids if id in groups and asker.may_read(groups[id]) and before.get(id) == now.get(id)}
        return tuple(passage for passage in passages if passage.document in readable)

    def close(self) -> None:
        """End what is under way."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(_ENDING)

    def _beside(self, documents: Knowledge) -> None:
        """On the thread."""
        with suppress(Exception), self._making, self._noting_trouble():
            self._follow(documents)

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except (_Ending, IndexGone):  # the latter: at once again
            raise
        except UserError as error:
            self._failed(str(error))
            raise
        except Exception:
            _log.exception("a defect of Rung: an index could not follow the documents")
            self._failed("a defect of Rung")
            raise

    def _failed(self, why: str) -> None:
        if why != self.trouble:
            _log.error("an index could not follow the documents, and is tried again: %s", why)
        self.trouble, self._not_before = why, time.monotonic() + _PAUSE

    def _follow(self, documents: Knowledge) -> None:
        """Bring all up to date. What another process removes meanwhile has not followed, and is waited for."""
        version, every = documents.version, documents.documents()
        folders: dict[str, _HeldFolder | None] = {}
        with reporting(_Ends(self._go_on)), waiting_while(self._go_on):
            for name, one in [*self.cuttings.items()]:
                if one.index is documents.index:
                    one.refresh()
                    folders[name] = None
                else:
                    self.cuttings[name], folders[name] = self._synced(one, every)
        followed = _Followed(version, folders)
        self._followed, self.trouble = followed if followed.stands(self.cuttings) else None, ""

    def _synced(self, one: Knowledge, every: Sequence[Document]) -> tuple[Knowledge, _HeldFolder]:
        """The same, holding these documents, and where it is."""
        folder, new = _HeldFolder(one.folder), one
        try:
            new = _anew(one)
            new.sync(self._each(every), lambda _done, _all: self._go_on(), self._go_on)
        except _Ending:
            raise
        except Exception:
            if folder.stands:
                raise
        return new, folder

    def _each(self, every: Sequence[Document]) -> Iterator[Document]:
        """All of them, as far as the server goes on: no sentence of context is asked for after that."""
        for document in every:
            self._go_on()
            yield document

    def _go_on(self) -> None:
        if self._ending.is_set():
            raise _Ending


class _HeldFolder:
    """A folder, made where there is none. It is held open: the number of one that is removed is given to the next."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._folder, self._held = folder, os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error
        weakref.finalize(self, os.close, self._held)

    @property
    def stands(self) -> bool:
        """Whether this very folder is still there."""
        try:
            return os.path.samestat(os.fstat(self._held), self._folder.stat())
        except OSError:
            return False


@dataclass(frozen=True)
class _Followed:
    """Which version of the documents was followed, and where what was made of it is. None: in the project's index."""

    version: int
    folders: Mapping[str, _HeldFolder | None]

    def stands(self, cuttings: Mapping[str, Knowledge]) -> bool:
        """Whether that is all of these, and nobody removed one or made it again."""
        return self.folders.keys() == {*cuttings} and all(one is None or one.stands for one in self.folders.values())


@dataclass(frozen=True)
class _Ends:
    """A reporter at whose ticks work ends when the server stops. What is to be said is logged."""

    go_on: Callable[[], None]

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:  # noqa: ARG002 - the protocol's parameter
        """Work whose results are kept one by one."""
        yield lambda _done, _all, _note: self.go_on()

    def say(self, text: str) -> None:
        """A warning."""
        _log.warning("%s", text)


def _anew(one: Knowledge) -> Knowledge:
    """The same, opened again: its files may be others by now."""
    from rung.knowledge import Knowledge

    return Knowledge.open(one.folder, embedder=one.embedder, chunking=one.chunking, fusion=one.fusion, contexts=one.contexts)
