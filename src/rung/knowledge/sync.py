"""What has changed since the index was made, and how it catches up. Only what changed is embedded.

Documents come one by one and leave in parts, so that memory does not grow with them (their ids and digests are kept).
Where many must be searchable at once, a stand-in embeds them, and `replacing` puts the embedder's vectors in their places.
The store is left to `lance`, cutting to `chunking`.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import InternalError
from rung.knowledge.chunking.apart import CutApart, Cutting
from rung.knowledge.chunking.passages import CONTEXT_TOKENS, Chunking, row
from rung.knowledge.protocol import (
    LACKING,
    Change,
    Contexts,
    Embedder,
    Index,
    Row,
    Snapshot,
    is_at_once,
    passages_by,
    provisional_mark,
    text_digest,
    without_mark,
)
from rung.knowledge.store.staging import Staging
from rung.records import Document, Json, Problem

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
FORMAT = 6  # of cutting and indexing; when it changes, every index is made anew
_AT_ONCE = 64  # texts to an embedding call
_STAGED = 8  # calls between two writes of what was embedded
_PART = 2048  # passages that are cut, embedded and handed to the store together
_FEW = 256  # passages for which nobody needs to stand in


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Documents by what happened to them; `passages` in the whole index, `embedded` of them computed this time.

    A document whose text came back under another id was `renamed`, neither added nor removed. `rebuilt` says why everything
    had to be made anew, "" if it had not. `problems` lists documents that were left out. `version`: of the index now,
    of whose passages a stand-in embedded the `provisional` ones.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    passages: int = 0
    embedded: int = 0
    seconds: float = 0.0
    rebuilt: str = ""
    problems: tuple[Problem, ...] = ()
    renamed: int = 0
    version: int = 0
    provisional: int = 0


@dataclass(frozen=True, slots=True)
class Means:
    """By what passages are cut and embedded. `quick`: who embeds where there are many, until they are replaced; None: all
    that a stand-in embedded before is embedded now. `contexts`: who writes a sentence of context for each; None: nobody.
    """

    embedder: Embedder
    chunking: Chunking
    quick: Embedder | None = None
    contexts: Contexts | None = None

    @property
    def cutting(self) -> Cutting:
        """How documents are cut: where somebody writes contexts, there is room for them."""
        room = CONTEXT_TOKENS if self.contexts else 0
        return Cutting(self.embedder, self.chunking, self.embedder.max_tokens - room)


def settings_of(embedder: Embedder, chunking: Chunking, contexts: Contexts | None = None) -> dict[str, Json]:
    """The settings that an index is made with: with other ones, it has to be made anew."""
    cutting: dict[str, Json] = dict(asdict(chunking))
    written: dict[str, Json] = {} if contexts is None else {"context": contexts.identity}
    made_with: dict[str, Json] = {"format": FORMAT, "embedder": passages_by(embedder), "dimensions": embedder.dimensions}
    return {**made_with, "chunking": cutting, **written}


class Difference:
    """What separates the documents from the index, found while they pass. Of two with one id the first is taken.

    `accepted`: the mark of a stand-in whose vectors may stay for now.
    """

    def __init__(self, snapshot: Snapshot | None, settings: Mapping[str, Json], accepted: str = "") -> None:
        self._snapshot, self._accepted = snapshot, accepted
        self.held: Mapping[str, str] = snapshot.state.documents if snapshot else {}
        self.rebuilt = _why_rebuilt(snapshot, settings)
        self._seen: dict[str, str] = {}  # id -> source
        self._new: dict[str, str] = {}  # id -> digest of its text, where a document that is held may have got another id
        self._changed = 0
        self._problems: list[Problem] = []

    def todo(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Those that must be cut and embedded, as they come."""
        for document in documents:
            digest = self._sound(document)
            if not digest:
                continue
            self._seen[document.id] = document.source
            held = self.held.get(document.id)
            if held is None:
                self._new[document.id] = text_digest(document) if self.held else ""
            self._changed += held is not None and without_mark(held).removeprefix(LACKING) != digest
            if held not in (digest, self._accepted + digest) or self.rebuilt:
                yield document

    @property
    def gone(self) -> frozenset[str]:
        """Ids in the index whose documents did not come; to be asked when all have."""
        return frozenset(id for id in self.held if id not in self._seen)

    def report(self) -> SyncReport:
        """The counts, when all documents have come."""
        gone, renamed = self.gone, 0
        if gone and self._new and self._snapshot:
            left = Counter(self._snapshot.contents(sorted(gone)).values())
            renamed = (left & Counter(self._new.values())).total()
        return SyncReport(
            added=len(self._new) - renamed,
            changed=self._changed,
            removed=len(gone) - renamed,
            renamed=renamed,
            unchanged=len(self._seen) - len(self._new) - self._changed,
            rebuilt=self.rebuilt,
            problems=tuple(self._problems),
            passages=self._snapshot.passage_count if self._snapshot else 0,
            version=self._snapshot.version if self._snapshot else 0,
            provisional=self._snapshot.provisional_count if self._snapshot else 0,
        )

    def _sound(self, document: Document) -> str:
        """The document's digest; "" where it cannot be taken, which becomes a problem."""
        location = document.source or document.id
        if document.id in self._seen:
            other = self._seen[document.id] or "an earlier document"
            message = f"the id '{document.id}' is already taken by {other}; the first one is kept"
            self._problems.append(Problem(location, 0, message))
            return ""
        try:
            return document.digest
        except UnicodeEncodeError:
            message = "holds half characters (lone surrogates), which can be stored nowhere; left out"
            self._problems.append(Problem(location.encode("utf-8", "replace").decode(), 0, message))
            return ""


def difference(
    snapshot: Snapshot | None, documents: Iterable[Document], settings: Mapping[str, Json], accepted: str = ""
) -> SyncReport:
    """What a sync would do. `passages` counts those of the index as it is; `accepted` as for `Difference`."""
    pending = Difference(snapshot, settings, accepted)
    for _ in pending.todo(documents):
        pass
    return pending.report()


def synchronize(
    index: Index,
    documents: Iterable[Document],
    means: Means,
    *,
    staging: Staging,
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> SyncReport:
    """Make the index hold exactly these documents. Searches see the old state until all of it is there.

    Interrupted at any point, the old state stays, and the next sync goes on with what was embedded. `progress(done, all)`
    counts passages, `all` those of the documents that have come so far. `waiting`: see `Index.writing`.

    Raises:
        UserError: the disk is full or may not be written.
    """
    began = time.monotonic()
    embedder, quick = means.embedder, means.quick
    settings = settings_of(embedder, means.chunking, means.contexts)
    try:
        with index.writing(waiting):
            snapshot = index.snapshot()
            pending = Difference(snapshot, settings, provisional_mark(quick) if quick else "")
            if pending.rebuilt:
                log.warning("%s: everything is indexed anew", pending.rebuilt)
            reusable = snapshot if snapshot and snapshot.settings["embedder"] == passages_by(embedder) else None
            work = _Work(means, reusable, staging, progress or (lambda _done, _all: None))
            with CutApart(means.cutting) as cutting:
                changed = cutting.each(pending.todo(documents))
                index.commit(_changes(pending, changed, settings, work, snapshot is None or bool(pending.rebuilt)))
            report = pending.report()
            now = index.snapshot()
            if now is None:
                raise InternalError("the index is empty after a commit")
            if not now.provisional_count:  # else what is staged will still be asked for
                staging.clear()
    finally:
        staging.close()
    return replace(
        report,
        passages=now.passage_count,
        embedded=work.embedded,
        seconds=time.monotonic() - began,
        version=now.version,
        provisional=now.provisional_count,
    )


def _changes(
    pending: Difference,
    changed: Iterable[tuple[Document, list[Row]]],
    settings: Mapping[str, Json],
    work: _Work,
    fresh: bool,
) -> Iterator[Change]:
    """The changes that lead to these documents, which are cut already, part by part; none if nothing changed."""
    for part, cut in _parts(changed):
        replaced = frozenset(d.id for d in part if d.id in pending.held)
        rows, lacking = work.placed(part, cut)
        vectors, marked = work.embed(rows)
        yield Change(settings, vectors, part, marked, frozenset() if fresh else replaced, fresh, lacking)
        fresh = False
    gone = frozenset() if pending.rebuilt else pending.gone
    if gone or fresh:
        yield Change(settings, np.zeros((0, work.means.embedder.dimensions), dtype=np.float32), removed=gone, fresh=fresh)


def _parts(documents: Iterable[tuple[Document, list[Row]]]) -> Iterator[tuple[list[Document], list[Row]]]:
    """Documents with their passages, some thousand passages at once."""
    part: list[Document] = []
    rows: list[Row] = []
    for document, cut in documents:
        part.append(document)
        rows += cut
        if len(rows) >= _PART or len(part) >= _PART:
            yield part, rows
            part, rows = [], []
    if part:
        yield part, rows


@dataclass
class _Work:
    """Embeds. `stored`: the index as it is, whose vectors are taken where the text is the same.

    A stand-in embeds from the first part on in which more than a few passages are missing.
    """

    means: Means
    stored: Snapshot | None
    staging: Staging
    progress: Progress
    embedded: int = 0
    _many: bool = field(default=False, init=False)
    _done: int = field(default=0, init=False)
    _all: int = field(default=0, init=False)

    def placed(self, documents: Sequence[Document], rows: Sequence[Row]) -> tuple[Sequence[Row], frozenset[str]]:
        """These rows with a sentence of context each, where somebody writes them, and the documents that lack some."""
        if self.means.contexts is None:
            return rows, frozenset()
        by_id, count = {document.id: document for document in documents}, self.means.embedder.count_tokens
        sentences = self.means.contexts([(by_id[one.passage.document], one.passage) for one in rows])
        both = list(zip(rows, sentences, strict=True))
        with_them = [row(of.passage, count=count, symbols=of.symbols, context=sentence or "") for of, sentence in both]
        return with_them, frozenset(of.passage.document for of, sentence in both if sentence is None)

    def embed(self, rows: Sequence[Row]) -> tuple[Vectors, list[Row]]:
        """A vector for each row, and the rows, marked where a stand-in made it.

        Equal texts, stored or staged ones are not embedded again, but by an embedder that does it at once.
        """
        texts, at_once = {r.key: r.indexed for r in rows}, is_at_once(self.means.embedder)
        have = {} if at_once else self.staging.get(list(texts))
        if self.stored is not None and not at_once:
            have.update(self.stored.vectors([key for key in texts if key not in have]))
        # Texts of like length together: a batch is as slow as its longest text.
        missing = sorted((key for key in texts if key not in have), key=lambda key: len(texts[key]))
        self._all += len(texts)
        self._advance(len(texts) - len(missing))
        self._many = self._many or len(missing) > _FEW
        quick = self.means.quick if self._many else None
        if by := quick or (self.means.embedder if at_once else None):
            have.update(zip(missing, by.embed([texts[key] for key in missing], kind="passage"), strict=True))
            self._advance(len(missing))
        else:
            new = {key: texts[key] for key in missing}
            have.update(embedded(new, self.means.embedder, self.staging, self._advance, more=len(rows) >= _PART))
        self.embedded += len(missing)
        stood_in = frozenset(missing if quick else ())
        vectors = np.zeros((len(rows), self.means.embedder.dimensions), dtype=np.float32)
        for index, r in enumerate(rows):
            vectors[index] = have[r.key]
        mark = provisional_mark(quick) if quick else ""
        return vectors, [replace(r, key=mark + r.key) if r.key in stood_in else r for r in rows]

    def _advance(self, by: int) -> None:
        self._done += by
        self.progress(self._done, self._all)


def embedded(
    texts: Mapping[str, str], embedder: Embedder, staging: Staging, advance: Callable[[int], None], *, more: bool
) -> dict[str, Vectors]:
    """Vectors of these texts by their keys, staged now and then. `more`: there are others to come."""
    keys, vectors, unsaved = list(texts), dict[str, "Vectors"](), dict[str, "Vectors"]()
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        unsaved.update(zip(some, embedder.embed([texts[key] for key in some], kind="passage"), strict=True))
        last = start + len(some) == len(keys) and more
        if len(unsaved) >= _AT_ONCE * _STAGED or last:
            staging.put(list(unsaved), np.stack(list(unsaved.values())))
            vectors.update(unsaved)
            unsaved = {}
        advance(len(some))
    return vectors | unsaved


def _why_rebuilt(snapshot: Snapshot | None, settings: Mapping[str, Json]) -> str:
    if snapshot is None:
        return ""
    previous = snapshot.settings
    if previous.get("context") != settings.get("context"):
        return "the setting 'context' changed"
    for name in ("embedder", "chunking"):
        if previous.get(name) != settings[name]:
            return f"the {name} changed from {previous.get(name)} to {settings[name]}"
    return "" if dict(previous) == dict(settings) else "the index was made by another version of Rung"
