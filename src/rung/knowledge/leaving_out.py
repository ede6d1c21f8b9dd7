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
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.staging import STAGED
from rung.records import Document


def leave_out(folder: Path, documents: Index, waiting: Callable[[], None] = lambda: None) -> None:
    """Have no text in an index that the documents do not hold any more, in no version and no file.

    Of its newest version those stay that are as they were, or whose groups alone have changed. It has no other version
    afterwards, where one held what is gone. Readers of that lose it (`IndexGone`).

    Args:
        folder: of the index of documents that are cut or embedded in another way.
        documents: the project's own index, whose newest version counts.
        waiting: see `Index.writing`; may raise.

    Raises:
        UserError: the disk is full or may not be written; it may still hold what is gone.
    """
    index = LanceIndex(folder)
    own = documents.snapshot()
    held = [snapshot for version in index.versions() if (snapshot := index.snapshot(version.number)) is not None]
    if own is not None and not any(_gone(snapshot, own) for snapshot in held):
        return
    with index.writing(waiting):  # else a document that another process took in meanwhile would go
        newest, own = index.snapshot(), documents.snapshot()
        if newest is not None:
            take_out(index, newest, _gone(newest, own))
        shutil.rmtree(folder / STAGED, ignore_errors=True)
    index.prune(waiting)


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
