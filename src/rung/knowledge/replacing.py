"""A stand-in's vectors, replaced by the embedder's own: part by part, the documents that searches found most often first.

Searches go on meanwhile, and see each part when it is committed. Interrupted, it goes on with what was embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rung.knowledge.chunking.passages import row
from rung.knowledge.protocol import Change, Embedder, Index, Row, Snapshot, lacks_context, mark_in, passages_by
from rung.knowledge.store.staging import Staging
from rung.knowledge.sync import Progress, embedded

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

_FIRST, _MOST = 1024, 32_768  # passages of the first part; each other has twice as many, up to so many
_DOCUMENTS = 64  # read at once


def replace_provisional(
    index: Index,
    *,
    embedder: Embedder,
    staging: Staging,
    progress: Progress = lambda _done, _all: None,
    waiting: Callable[[], None] = lambda: None,
) -> int:
    """Embed what a stand-in embedded. Returns how many passages; an index that was gone back to stays as it is.

    `progress(done, all)` counts passages; `waiting`: see `Index.writing`. `staging`: of this embedder.

    Raises:
        UserError: the disk is full or may not be written.
    """
    done, size = 0, _FIRST
    try:
        while (snapshot := index.snapshot()) and _is_ours(snapshot, embedder):
            total = done + snapshot.provisional_count
            part = _Part.read(snapshot, embedder, staging.asked(), size)
            counted = done

            def advance(by: int, total: int = total) -> None:
                nonlocal counted
                counted += by
                progress(min(counted, total), total)

            part.embed(embedder, staging, advance)
            with index.writing(waiting):
                if (newest := index.snapshot()) and _is_ours(newest, embedder):
                    index.commit(part.changes(newest))
                if (newest := index.snapshot()) and not newest.provisional_count:
                    staging.clear()
            done, size = done + len(part.replaced), min(2 * size, _MOST)
    finally:
        staging.close()
    return done


def _is_ours(snapshot: Snapshot, embedder: Embedder) -> bool:
    """Whether there is something to replace."""
    same = snapshot.settings["embedder"] == passages_by(embedder)
    return bool(snapshot.provisional_count) and not snapshot.held and same


class _Part:
    """Documents of one version, whose vectors are replaced together.

    `held`: their digests there. `rows`: their passages as the embedder sees them; `replaced`: places of those whose
    `vectors` [rows, dimensions] a stand-in made.
    """

    def __init__(self, held: Mapping[str, str], rows: list[Row], vectors: Vectors, replaced: list[int]) -> None:
        self.held, self.rows, self.vectors, self.replaced = held, rows, vectors, replaced

    @classmethod
    def read(cls, snapshot: Snapshot, embedder: Embedder, asked: Mapping[str, int], size: int) -> _Part:
        """The documents asked for most often, until they have so many passages to replace."""
        held = {id: digest for id, digest in snapshot.state.documents.items() if mark_in(digest)}
        by_demand = sorted(held, key=lambda id: (-asked.get(id, 0), id))
        rows, vectors, replaced, taken = list[Row](), list["Vectors"](), list[int](), dict[str, str]()
        for start in range(0, len(by_demand), _DOCUMENTS):
            some = by_demand[start : start + _DOCUMENTS]
            stored, their = snapshot.stored(some)
            replaced += [len(rows) + at for at, of in enumerate(stored) if mark_in(of.key)]
            # Stored words are folded.
            rows += [row(of.passage, count=embedder.count_tokens, symbols=of.symbols, context=of.context) for of in stored]
            vectors.append(their)
            taken |= {id: held[id] for id in some}
            if len(replaced) >= size:
                break
        return cls(taken, rows, np.concatenate(vectors), replaced)

    def embed(self, embedder: Embedder, staging: Staging, advance: Callable[[int], None]) -> None:
        """Put the embedder's vectors where the stand-in's are."""
        texts = {self.rows[at].key: self.rows[at].indexed for at in self.replaced}
        have = staging.get(list(texts))
        missing = sorted(texts.keys() - have.keys(), key=lambda key: (len(texts[key]), key))
        advance(len(self.replaced) - len(missing))
        have.update(embedded({key: texts[key] for key in missing}, embedder, staging, advance, more=True))
        for at in self.replaced:
            self.vectors[at] = have[self.rows[at].key]

    def changes(self, newest: Snapshot) -> list[Change]:
        """What puts them into a version; documents that changed meanwhile are left as they are there."""
        now = newest.state.documents
        same = frozenset(id for id, digest in self.held.items() if now.get(id) == digest)
        places = [at for at, of in enumerate(self.rows) if of.passage.document in same]
        rows, documents = [self.rows[at] for at in places], newest.documents(sorted(same))
        lacking = frozenset(id for id in same if lacks_context(self.held[id]))
        return [Change(newest.settings, self.vectors[places], documents, rows, same, lacking=lacking)] if same else []
