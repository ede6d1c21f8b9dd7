"""What has changed since the index was made, and how does it catch up? Only what changed is embedded.

The store is left to `lance`, cutting to `chunking`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import InternalError
from rung.knowledge.chunking import Chunking, passages, row
from rung.knowledge.protocol import Change, Embedder, Index, Row, Snapshot, State
from rung.knowledge.staging import Staging
from rung.records import Document, Json, Problem

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
FORMAT = 2  # of cutting and indexing; when it changes, every index is made anew
_AT_ONCE = 64  # texts to an embedding call
_STAGED = 8  # calls between two writes of what was embedded


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Documents by what happened to them; `passages` in the whole index, `embedded` of them computed this time.

    `rebuilt` says why everything had to be made anew, "" if it had not. `problems` lists documents that were left out.
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


@dataclass(frozen=True, slots=True)
class Difference:
    """What separates the documents from the index. `todo`: the documents that must be cut and embedded."""

    report: SyncReport
    todo: tuple[Document, ...]
    removed: frozenset[str]

    @property
    def nothing(self) -> bool:
        """Whether the index is up to date."""
        return not self.todo and not self.removed and not self.report.rebuilt


def settings_of(embedder: Embedder, chunking: Chunking) -> dict[str, Json]:
    """The settings that an index is made with: with other ones, it has to be made anew."""
    said: dict[str, Json] = dict(asdict(chunking))
    return {"format": FORMAT, "embedder": embedder.identity, "dimensions": embedder.dimensions, "chunking": said}


def difference(state: State | None, documents: Iterable[Document], settings: Mapping[str, Json]) -> Difference:
    """Compare documents with what the index holds. Of two documents with one id the first is taken."""
    unique, problems = _unique(documents)
    held = dict(state.documents) if state else {}
    digests = {d.id: d.digest for d in unique}
    added = [id for id in digests if id not in held]
    changed = [id for id, digest in digests.items() if id in held and held[id] != digest]
    gone = [id for id in held if id not in digests]
    rebuilt = _why_rebuilt(state, settings)
    touched = set(digests) if rebuilt or state is None else {*added, *changed}
    report = SyncReport(
        added=len(added),
        changed=len(changed),
        removed=len(gone),
        unchanged=len(digests) - len(added) - len(changed),
        rebuilt=rebuilt,
        problems=tuple(problems),
    )
    return Difference(report, tuple(d for d in unique if d.id in touched), frozenset({*gone, *changed}))


def synchronize(
    index: Index,
    documents: Iterable[Document],
    *,
    embedder: Embedder,
    chunking: Chunking,
    staging: Staging,
    progress: Progress | None = None,
) -> SyncReport:
    """Make the index hold exactly these documents. Searches see the old state until all of it is there.

    Interrupted at any point, the old state stays, and the next sync goes on with what was embedded.

    Raises:
        UserError: the disk is full or may not be written.
    """
    began = time.monotonic()
    documents = list(documents)
    settings = settings_of(embedder, chunking)
    with index.writing():
        snapshot = index.snapshot()
        change = difference(snapshot.state if snapshot else None, documents, settings)
        if snapshot is not None and change.nothing:
            staging.clear()  # of a sync that was killed after its commit
            return replace(change.report, passages=snapshot.passage_count, seconds=time.monotonic() - began)
        if change.report.rebuilt:
            log.warning("%s: everything is indexed anew", change.report.rebuilt)
        rows = _rows(change.todo, embedder, chunking)
        reusable = snapshot if snapshot and snapshot.state.settings["embedder"] == embedder.identity else None
        vectors, embedded = _vectors(rows, embedder, reusable, staging, progress or (lambda _done, _all: None))
        fresh = snapshot is None or bool(change.report.rebuilt)
        index.commit(Change(settings, vectors, change.todo, rows, change.removed, fresh))
        staging.clear()
    now = index.snapshot()
    if now is None:
        raise InternalError("the index is empty after a commit")
    return replace(change.report, passages=now.passage_count, embedded=embedded, seconds=time.monotonic() - began)


def _unique(documents: Iterable[Document]) -> tuple[list[Document], list[Problem]]:
    kept: dict[str, Document] = {}
    problems = []
    for document in documents:
        place = document.source or document.id
        if document.id in kept:
            other = kept[document.id].source or "an earlier document"
            problems.append(Problem(place, 0, f"the id '{document.id}' is already taken by {other}; the first one is kept"))
        elif not _encodable(document):
            message = "holds half characters (lone surrogates), which can be stored nowhere; left out"
            problems.append(Problem(place.encode("utf-8", "replace").decode(), 0, message))
        else:
            kept[document.id] = document
    return list(kept.values()), problems


def _encodable(document: Document) -> bool:
    try:
        "".join((document.id, document.text, document.title, document.source, *document.groups)).encode()
        document.digest  # noqa: B018 - reads the meta
    except UnicodeEncodeError:
        return False
    return True


def _why_rebuilt(state: State | None, settings: Mapping[str, Json]) -> str:
    if state is None:
        return ""
    if state.settings.get("embedder") != settings["embedder"]:
        return f"the embedder changed from {state.settings.get('embedder')} to {settings['embedder']}"
    if state.settings.get("chunking") != settings["chunking"]:
        return f"the chunking changed from {state.settings.get('chunking')} to {settings['chunking']}"
    return "" if dict(state.settings) == dict(settings) else "the index was made by another version of Rung"


def _rows(documents: Sequence[Document], embedder: Embedder, chunking: Chunking) -> list[Row]:
    count = embedder.count_tokens
    return [
        row(passage, count=count)
        for document in documents
        for passage in passages(document, chunking=chunking, count=count, max_tokens=embedder.max_tokens)
    ]


def _vectors(
    rows: Sequence[Row], embedder: Embedder, stored: Snapshot | None, staging: Staging, progress: Progress
) -> tuple[Vectors, int]:
    """A vector for each row, and how many were computed; equal texts, stored or staged ones are not embedded again."""
    texts = {r.key: r.indexed for r in rows}
    have = staging.load()
    if stored is not None and texts:
        have.update(stored.vectors([key for key in texts if key not in have]))
    # Texts of like length together: a batch is as slow as its longest text.
    missing = sorted((key for key in texts if key not in have), key=lambda key: len(texts[key]))
    progress(len(texts) - len(missing), len(texts))
    unsaved: dict[str, Vectors] = {}
    for start in range(0, len(missing), _AT_ONCE):
        keys = missing[start : start + _AT_ONCE]
        unsaved.update(zip(keys, embedder.embed([texts[key] for key in keys], kind="passage"), strict=True))
        if len(unsaved) >= _AT_ONCE * _STAGED:
            staging.put(list(unsaved), np.stack(list(unsaved.values())))
            have.update(unsaved)
            unsaved = {}
        progress(len(texts) - len(missing) + start + len(keys), len(texts))
    have.update(unsaved)
    vectors = np.zeros((len(rows), embedder.dimensions), dtype=np.float32)
    for place, r in enumerate(rows):
        vectors[place] = have[r.key]
    return vectors, len(missing)
