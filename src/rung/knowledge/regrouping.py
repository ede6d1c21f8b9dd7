"""Who may read the documents of an older version now: under the access that files, sidecars, rules and function give today.

A document that is there today, with the same text, has today's groups. One whose text was another, or that is gone, has
those that both the version and today's places name; where none is in both, or its file is left out today, it is nobody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from rung.knowledge.chunking.passages import body_start
from rung.knowledge.protocol import Change, Snapshot, lacks_context
from rung.knowledge.readers.access import Access
from rung.knowledge.readers.places import Places
from rung.knowledge.readers.source import Unusable
from rung.records import Document, Problem

NOBODY = ("\0nobody",)  # a group that no asker can name
_AT_ONCE = 500
_HOLDERS = frozenset({".zip", ".eml"})  # files that hold documents: their own path counts too


@dataclass
class Today:
    """What the sources say now. Fill it with `add`; then ask for the groups of a document of another version."""

    root: Path
    access: Access
    _places: Places = field(init=False)
    _groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _same: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)  # text -> groups of the documents that hold it
    _troubled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._places = Places(self.root, {})

    def add(self, document: Document) -> None:
        """A document as it is today."""
        text = _text(document)
        self._groups[document.id], self._texts[document.id] = document.groups, text
        self._same.setdefault(text, []).append(document.groups)

    def troubled(self, problems: Iterable[Problem], patterns: Sequence[str]) -> None:
        """What was left out today. `patterns`: of the sources, which may match nothing without that being a file's fault."""
        self._troubled |= {problem.path for problem in problems} - set(patterns)

    def groups_of(self, document: Document) -> tuple[str, ...]:
        """Who may read it now."""
        text = _text(document)
        if self._texts.get(document.id) == text:
            return self._groups[document.id]
        own = [document.groups, *self._same.get(text, ())]  # moved, or copied: it is as secret as where it is now
        if document.id in self._groups:
            return _common([*own, self._groups[document.id]])
        origin = document.origin or document.source or document.id
        parts = PurePosixPath(origin)
        holders = [str(p) for p in parts.parents if p.suffix.lower() in _HOLDERS]
        if self._troubled & {document.id, origin, *map(str, parts.parents)}:
            return NOBODY
        try:
            beside = self._places.sidecars_beside(holders[-1] if holders else origin)
            narrowed = self.access.narrowed(
                replace(document, groups=_common(own)), names=[origin, *holders], sidecars=beside
            )
        except Unusable:
            return NOBODY
        return narrowed.groups


def regrouped(snapshot: Snapshot, today: Today) -> Iterator[Change]:
    """The changes that bring a version's documents under today's access; none where it has not changed."""
    ids = sorted(snapshot.state.documents)
    for start in range(0, len(ids), _AT_ONCE):
        now = {d.id: replace(d, groups=today.groups_of(d)) for d in snapshot.documents(ids[start : start + _AT_ONCE])}
        changed = {id: d for id, d in now.items() if set(d.groups) != set(snapshot.groups[id])}
        if changed:
            rows, vectors = snapshot.stored(list(changed))
            moved = [replace(r, passage=replace(r.passage, groups=changed[r.passage.document].groups)) for r in rows]
            lacking = frozenset(id for id in changed if lacks_context(snapshot.state.documents[id]))
            yield Change(snapshot.settings, vectors, list(changed.values()), moved, frozenset(changed), lacking=lacking)


def _common(places: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The groups that all of these name, those that name none aside; nobody where there is none."""
    speaking = [groups for groups in places if groups]
    left = tuple(group for group in speaking[0] if all(group in groups for groups in speaking)) if speaking else ()
    return left or (NOBODY if speaking else ())


def _text(document: Document) -> str:
    """Names what a document says, its front matter aside."""
    return hashlib.sha256(document.text[body_start(document) :].strip().encode("utf-8", "replace")).hexdigest()[:32]
