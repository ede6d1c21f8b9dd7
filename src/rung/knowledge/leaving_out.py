"""What is gone from a project's documents goes from its other indexes at once, and the rest of those can be searched on.

Making them hold the documents as they are by now, which takes minutes where passages are embedded, is left to `Knowledge`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rung.knowledge.protocol import LACKING, Change, Index, Snapshot, without_mark
from rung.knowledge.store.staging import STAGED
from rung.records import Document

_UNDER_WAY = "leaving_out"  # a file beside an index, until no file holds what is gone


def leave_out(index: Index, folder: Path, documents: Index, waiting: Callable[[], None] = lambda: None) -> None:
    """Have no text in an index that the documents do not hold any more, in no version and no file.

    Those stay that are as they were, or whose groups alone have changed. Where any goes, the index has no other version
    afterwards: readers of those lose them (`IndexGone`). Interrupted, the next call goes on.

    Args:
        index: of documents that are cut or embedded in another way.
        folder: its folder.
        documents: the project's own index, whose newest version counts.
        waiting: see `Index.writing`; may raise.

    Raises:
        UserError: the disk is full or may not be written; it may still hold what is gone.
    """
    newest, under_way = index.snapshot(), folder / _UNDER_WAY
    if newest is None or not (under_way.exists() or _gone(newest, documents.snapshot())):
        return
    with index.writing(waiting):
        newest = index.snapshot()  # and the documents': what another process took in meanwhile must not go
        if newest is not None:
            under_way.touch()
            take_out(index, newest, _gone(newest, documents.snapshot()))
        shutil.rmtree(folder / STAGED, ignore_errors=True)
    index.prune(waiting)
    under_way.unlink(missing_ok=True)


def take_out(index: Index, newest: Snapshot, gone: frozenset[str]) -> None:
    """Commit the newest version without these documents; to be called within `Index.writing`."""
    if gone:
        width = int(str(newest.settings["dimensions"]))
        index.commit([Change(newest.settings, np.zeros((0, width), dtype=np.float32), removed=gone)])


def _gone(held: Snapshot, own: Snapshot | None) -> frozenset[str]:
    """Documents that are not as they were, who may read them aside."""
    now = {} if own is None else _digests(own)
    other = [id for id, digest in _digests(held).items() if now.get(id) != digest]
    left = {} if own is None or not other else _open_to_all(own.documents(other))
    return frozenset(id for id, document in _open_to_all(held.documents(other)).items() if left.get(id) != document)


def _digests(snapshot: Snapshot) -> dict[str, str]:
    return {id: without_mark(digest).removeprefix(LACKING) for id, digest in snapshot.state.documents.items()}


def _open_to_all(documents: Sequence[Document]) -> dict[str, Document]:
    return {document.id: replace(document, groups=()) for document in documents}
