"""Indexes that hold a project's documents in another way follow them, where they can beside answering.

A rung may cut or embed the documents in its own way (`chunk_tokens`, `tuned_retriever`). When another process has added
documents its index is made anew on a thread, which takes minutes where a model writes sentences of context. Meanwhile the
old one answers, without the passages of documents that are gone, that the caller may not read any more, or whose text is
another one by now. A sync that changed or removed documents has removed the old one too, lest a deleted text stays in it:
then questions wait for the new one.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Asker, Passage

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

_PAUSE = 10.0  # seconds after a failure until it is tried again
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
        self._followed: tuple[int, ...] = ()  # the state of the documents that the cuttings were made of
        self._starting, self._making = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._not_before = 0.0  # of `time.monotonic`
        self.trouble = ""  # why they could not follow; "" where they could

    @property
    def is_current(self) -> bool:
        """Whether all hold the documents as they are in the project's index."""
        return self._documents is None or not self.cuttings or self._followed == self._state(self._documents.version)

    def refresh(self) -> None:
        """Look at the newest version of the project's index. Where the others are as they were left they begin to follow it;
        where one is not there, or was never looked at, they have followed when this returns.

        Raises:
            UserError: one that is waited for cannot be brought up to date.
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
            if not self._can_answer:
                self._follow(self._documents)

    @property
    def _can_answer(self) -> bool:
        """Whether all that was followed is still where it was."""
        return self._followed[1:] == self._state(0)[1:]

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
            self._thread.join()

    def _beside(self, documents: Knowledge) -> None:
        """On the thread."""
        try:
            with self._making:
                self._follow(documents)
        except _Ending:
            pass
        except UserError as error:
            self._failed(str(error))
        except Exception:
            _log.exception("a defect of Rung: an index could not follow the documents")
            self._failed("a defect of Rung")

    def _failed(self, why: str) -> None:
        if why != self.trouble:
            _log.error("an index could not follow the documents, and answers as it is: %s", why)
        self.trouble, self._not_before = why, time.monotonic() + _PAUSE

    def _follow(self, documents: Knowledge) -> None:
        version, every = documents.version, documents.documents()
        for name, one in [*self.cuttings.items()]:
            if one.index is documents.index:
                one.refresh()
            else:
                new = _anew(one)
                new.sync(every, self._tick)
                self.cuttings[name] = new
        self._followed, self.trouble = self._state(version), ""

    def _tick(self, _done: int, _all: int) -> None:
        if self._ending.is_set():
            raise _Ending

    def _state(self, version: int) -> tuple[int, ...]:
        """Changes with the documents, and, behind the first number, where another process removed what was made of them, or
        made it again."""
        folders = (one.folder for one in [*self.cuttings.values()])
        return (version, *(folder.stat().st_ino if folder.is_dir() else 0 for folder in folders))


def _anew(one: Knowledge) -> Knowledge:
    """The same, opened again: its files may be others by now."""
    from rung.knowledge import Knowledge

    return Knowledge.open(one.folder, embedder=one.embedder, chunking=one.chunking, fusion=one.fusion, contexts=one.contexts)
