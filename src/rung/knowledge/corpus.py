"""The knowledge of a project: bring it up to date, search it, look documents up. The door to this package.

Reading files is left to `readers`; who may ask, to the asker that every search is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from rung.errors import UserError
from rung.knowledge.chunking.passages import Chunking, whole
from rung.knowledge.protocol import (
    Contexts,
    Embedder,
    Explained,
    Fusion,
    Index,
    IndexGone,
    Lookup,
    Snapshot,
    Version,
    passages_by,
    provisional_mark,
    quick_of,
    warm,
)
from rung.knowledge.replacing import replace_provisional
from rung.knowledge.retrieval import KnowledgeEngine, embedded, readable
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.staging import Staging
from rung.knowledge.sync import FORMAT, Means, Progress, SyncReport, difference, settings_of, synchronize
from rung.records import Asker, Document, Passage, digest

T = TypeVar("T")


@dataclass
class Knowledge:
    """An index with the embedder that it is searched by.

    What is searched is the version that was newest when this object was opened, last synced or refreshed: a whole run sees
    one version, whatever other processes do meanwhile.
    """

    folder: Path
    embedder: Embedder
    chunking: Chunking
    fusion: Fusion
    index: Index
    contexts: Contexts | None = None
    _snapshot: Snapshot | None = field(default=None, init=False, repr=False)
    _identity: str = field(default="", init=False, repr=False)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        embedder: Embedder,
        chunking: Chunking | None = None,
        fusion: Fusion | None = None,
        store: str = "",
        contexts: Contexts | None = None,
    ) -> Knowledge:
        """The knowledge kept in a folder, or on object storage; nothing is written before the first sync.

        Args:
            folder: `.rung/index` of a project: the index itself, or with `store` only what a sync keeps until it is done.
            embedder: what made, or will make, its vectors.
            chunking: passage sizes; None takes the defaults.
            fusion: how the two rankings become one; None: as `Fusion` has it.
            store: `s3://bucket/prefix`, where many machines share one index; "": the folder.
            contexts: who writes the sentences by which passages are searched beside their text; None: nobody.

        Raises:
            UserError: a setting is out of range, or the index is unreadable.
        """
        index = LanceIndex(store or folder, folder)
        knowledge = cls(folder, embedder, chunking or Chunking(), fusion or Fusion(), index, contexts)
        knowledge.refresh()
        return knowledge

    def refresh(self) -> None:
        """Look at the newest version, which another process may have made."""
        newest = self.index.snapshot()
        if newest is not self._snapshot:
            self._snapshot, self._identity = newest, ""

    def sync(
        self,
        documents: Iterable[Document],
        progress: Progress | None = None,
        waiting: Callable[[], None] = lambda: None,
        *,
        at_once: bool = False,
    ) -> SyncReport:
        """Make the index hold exactly these documents; arguments as of `synchronize`.

        `at_once`: where there are many, they are searchable before the embedder has embedded them, by the vectors of its
        stand-in, if it has one; `replace_provisional` does the rest.

        Raises:
            UserError: the disk is full or may not be written; what was there before is still there.
        """
        quick = quick_of(self.embedder) if at_once else None
        report = synchronize(
            self.index,
            documents,
            Means(self.embedder, self.chunking, quick, self.contexts),
            staging=self._staging(),
            progress=progress,
            waiting=waiting,
        )
        self.refresh()
        if self.held:  # nothing had changed, but a sync was asked for
            self.index.release()
            self.refresh()
        return report

    def replace_provisional(
        self, progress: Progress = lambda _done, _all: None, waiting: Callable[[], None] = lambda: None
    ) -> int:
        """Embed what a stand-in embedded; see `replacing.replace_provisional`. Searches go on meanwhile."""
        done = replace_provisional(
            self.index, embedder=self.embedder, staging=self._staging(), progress=progress, waiting=waiting
        )
        self.refresh()
        return done

    def compare(self, documents: Iterable[Document]) -> SyncReport:
        """What `sync` would do, without doing it. `passages` counts those of the index as it is."""
        quick = quick_of(self.embedder)
        mark = provisional_mark(quick) if quick else ""
        return difference(self._snapshot, documents, settings_of(self.embedder, self.chunking, self.contexts), mark)

    def asked(self, passages: Iterable[Passage]) -> None:
        """Remember that a search found these, while there are vectors to replace: what is asked for comes first."""
        if self.provisional_count:
            staging = self._staging()
            staging.ask(passage.document for passage in passages)
            staging.close()

    def _staging(self) -> Staging:
        return Staging(self.folder / "staging", passages_by(self.embedder))

    def maintain(self) -> bool:
        """Compact and index what many small syncs left behind; see `Index.maintain`. Searches go on meanwhile."""
        done = self.index.maintain()
        self.refresh()
        return done

    def versions(self) -> tuple[Version, ...]:
        """The versions that can be gone back to, the newest first."""
        return self.index.versions()

    def prune(self) -> None:
        """Forget all versions but the newest: what was deleted is then in no file of the index."""
        self.index.prune()
        self.refresh()

    def search(
        self, query: str, *, asker: Asker, top: int = 5, where: str = "", diversity: float = 0.0
    ) -> tuple[Passage, ...]:
        """The newest index's passages for a query that this asker may read, best first; `score` is the fused score.

        `where` and `diversity` are those of `Lookup`.

        Raises:
            UserError: nothing has been synced yet, or with another embedder; `where` is no condition.
        """
        lookup = self._lookup(query, asker, top, where, diversity)
        results = self._newest(lambda snapshot: snapshot.search([lookup], self.fusion)[0]) if lookup else ()
        self.asked(results)
        return results

    def explain(self, query: str, *, asker: Asker, top: int = 5, where: str = "") -> tuple[Explained, ...]:
        """What `search` finds, each passage with its rank and score in the dense and in the BM25 ranking.

        Raises:
            UserError: as `search`.
        """
        lookup = self._lookup(query, asker, top, where, 0.0)
        return self._newest(lambda snapshot: snapshot.explain(lookup, self.fusion)) if lookup else ()

    def _lookup(self, query: str, asker: Asker, top: int, where: str, diversity: float) -> Lookup | None:
        """None where nothing is asked."""
        vector = embedded([query], self.embedder).get(query)
        if vector is None or top < 1:
            return None
        return Lookup(readable(query), vector, asker.groups, top, where, diversity)

    def _newest(self, work: Callable[[Snapshot], T]) -> T:
        """Do this with the newest version, once more if another process replaced it meanwhile."""
        self.refresh()
        try:
            return work(self.snapshot())
        except IndexGone:
            self.refresh()
            return work(self.snapshot())

    def warm(self) -> None:
        """Have at hand what searches need, for one who will make many: their first ones need not wait for it."""
        if self._snapshot is not None and self.fusion.dense_weight > 0:
            warm(self.embedder)
            self._snapshot.warm()

    def weigh(self, dense_weight: float) -> None:
        """Search with this weight of the dense ranking from now on."""
        self.fusion, self._identity = replace(self.fusion, dense_weight=dense_weight), ""

    def engine(self, example_indexes: Mapping[str, Path] | None = None) -> KnowledgeEngine:
        """The engine of `Search` steps over this knowledge and these indexes of examples (digest -> folder)."""
        return KnowledgeEngine(self, example_indexes=example_indexes or {}, embedder=lambda: self.embedder)

    def snapshot(self) -> Snapshot:
        """The version that is searched.

        Raises:
            UserError: nothing has been synced yet, or it was made with another embedder.
        """
        if self._snapshot is None:
            raise UserError(f"nothing is indexed in {self.folder} yet; run 'rung sync'")
        made_with = self._snapshot.settings["embedder"]
        if made_with != passages_by(self.embedder):
            raise UserError(f"{self.folder} was indexed with another embedder, {made_with}; run 'rung sync'")
        return self._snapshot

    @property
    def identity(self) -> str:
        """Digest of all that results depend on: documents, chunking, embedder, fusion. Equal identity, equal results."""
        if not self._identity:
            held = [self._snapshot.content, dict(self._snapshot.settings)] if self._snapshot else []
            self._identity = digest("knowledge", FORMAT, held, self.embedder.identity, self.fusion)
        return self._identity

    @property
    def content(self) -> str:
        """Names the documents and what was made of them; "" before the first sync."""
        return self._snapshot.content if self._snapshot else ""

    @property
    def version(self) -> int:
        """Number of the version that is searched; 0 before the first sync."""
        return self._snapshot.version if self._snapshot else 0

    @property
    def held(self) -> bool:
        """Whether the index was rolled back: it then stays as it is until a sync is asked for."""
        return self._snapshot is not None and self._snapshot.held

    @property
    def passage_count(self) -> int:
        """Passages in the index."""
        return self._snapshot.passage_count if self._snapshot else 0

    @property
    def provisional_count(self) -> int:
        """Passages in the index that a stand-in embedded, until `replace_provisional` has replaced its vectors."""
        return self._snapshot.provisional_count if self._snapshot else 0

    def document_groups(self) -> Mapping[str, tuple[str, ...]]:
        """Document id -> groups that may read it; an empty tuple means everybody."""
        return self._snapshot.groups if self._snapshot else {}

    def documents(self, ids: Sequence[str] | None = None) -> tuple[Document, ...]:
        """All documents, or those of these ids, in order of id."""
        return self._snapshot.documents(ids) if self._snapshot else ()

    def document(self, id: str) -> Document | None:
        """A document by its id; None if there is none."""
        return next(iter(self._snapshot.documents([id])), None) if self._snapshot else None

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """A document's passages in order; empty if there is no such document."""
        return self._snapshot.passages_of(document) if self._snapshot else ()

    def corpus_tokens(self, count: Callable[[Sequence[str]], list[int]]) -> int:
        """Tokens of all documents as they are shown whole (title and text, front matter left out), by this counter."""
        return sum(count([f"{d.title}\n{whole(d).text}" for d in self.documents()]))

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, as the embedder counts."""
        return self.embedder.count_tokens(texts)
