"""The documents: the index in all its versions, the same documents cut in other ways, and what their files were read as.

A document that holds the text leaves the index whole, also where its source is still there: the next sync takes it in again
as it then is. Sources are the user's own, and are left to `sources`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.artifacts.store import forget_chunked_indexes
from rung.config.project import Project
from rung.erasure.databases import vacuum
from rung.erasure.target import Finding, Left, Target
from rung.pipeline.sources import REMEMBERED
from rung.records import Document
from rung.runtime.engines import index_of

if TYPE_CHECKING:
    from rung.knowledge.protocol import Index
    from rung.knowledge.readers.source import Item

STAGED = "staging"  # in the folder of the index: vectors of what an interrupted sync had embedded


@dataclass(frozen=True, slots=True)
class Documents:
    """The index of a project, on this disk or on object storage, and what stands beside it.

    `resumed`: an erasure that was killed goes on, and may have left files that no version of the index names any more.
    """

    project: Project
    resumed: bool = False

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        if not target.is_of_documents:
            return ()
        listed = []
        index = self._index()
        if index is not None:
            newest, earlier = set[str](), set[str]()
            numbers = [version.number for version in index.versions()]
            for number, document in held(index, target):
                (newest if number == numbers[0] else earlier).add(document.id)
            if newest:
                listed.append(Finding("index", "documents, in the newest version", len(newest)))
            if earlier:
                listed.append(Finding("index", "documents, in earlier versions", len(earlier), "all earlier versions go"))
        if remembered := self._remembered(target, dry_run=True):
            listed.append(Finding(REMEMBERED, "files as they were read", len(remembered)))
        return listed

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        del target
        return ()

    def erase(self, target: Target) -> None:
        """See `Place`."""
        if not target.is_of_documents:
            return
        index = self._index()
        if index is not None and (self.resumed or next(held(index, target), None) is not None):
            self._take_out(index, target)
            shutil.rmtree(self.project.state / "index" / STAGED, ignore_errors=True)
            forget_chunked_indexes(self.project.state)
        if self._remembered(target, dry_run=False) or (self.project.state / REMEMBERED).exists():
            vacuum(self.project.state / REMEMBERED)

    def count(self) -> int:
        """See `Place`."""
        index = self._index()
        versions = index.versions() if index is not None else ()
        return versions[0].documents if versions else 0

    def _index(self) -> Index | None:
        knowledge = self.project.settings.knowledge
        is_there = knowledge.sources and (knowledge.store or (self.project.state / "index").is_dir())
        return index_of(self.project) if is_there else None

    def _take_out(self, index: Index, target: Target) -> None:
        """Commit the newest version without them, and have no other."""
        import numpy as np

        from rung.knowledge.protocol import Change

        snapshot = index.snapshot()
        if snapshot is None:
            return
        if gone := frozenset(document.id for document in snapshot.documents() if is_held(document, target)):
            dimensions = snapshot.settings["dimensions"]
            width = dimensions if isinstance(dimensions, int) else 0
            with index.writing():
                index.commit([Change(snapshot.settings, np.zeros((0, width), dtype=np.float32), removed=gone)])
        index.prune()

    def _remembered(self, target: Target, *, dry_run: bool) -> tuple[str, ...]:
        from rung.knowledge.loading import Memory

        path = self.project.state / REMEMBERED
        if not path.is_file():
            return ()

        def is_gone(id: str, items: Sequence[Item]) -> bool:
            documents = [item for _, item in items if isinstance(item, Document)]
            return target.names(id) or target.holds(id) or any(is_held(document, target) for document in documents)

        with Memory(path, writable=not dry_run) as memory:
            return memory.erase(is_gone, dry_run=dry_run)


def held(index: Index, target: Target) -> Iterator[tuple[int, Document]]:
    """(number of the version, document) of all that hold it, the newest version first; a document that stands equally in
    several versions comes with each of them."""
    cached: dict[tuple[str, str], bool] = {}
    for version in index.versions():
        snapshot = index.snapshot(version.number)
        if snapshot is None:
            continue
        digests = snapshot.state.documents
        fresh = [id for id, digest in digests.items() if (id, digest) not in cached]
        texts = {document.id: document for document in snapshot.documents(fresh)} if fresh else {}
        cached |= {(id, digests[id]): is_held(document, target) for id, document in texts.items()}
        matching = [id for id, digest in digests.items() if cached.get((id, digest))]
        yield from ((version.number, document) for document in snapshot.documents(matching))


def is_held(document: Document, target: Target) -> bool:
    """Whether a document is one that was named, or holds the text."""
    if target.kind == "document":
        return document.id in target.documents
    return target.is_in([document.id, document.text, document.title, document.source, document.origin, dict(document.meta)])
