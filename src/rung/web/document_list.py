"""What a project's documents are: those that are indexed, a line each, and what of the sources was not read and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache

from rung.config.project import Project
from rung.errors import UserError
from rung.knowledge.readers.found import WEB
from rung.knowledge.readers.listing import listing
from rung.pipeline.publishing import PAGE
from rung.pipeline.sources import Sources
from rung.records import Document, Dropped, Json, Problem
from rung.web.background import Background, Underway
from rung.web.document_access import snapshot_of

_TOGETHER = 256  # documents that are looked at at once
_DATES = ("date", "updated", "modified", "published", "created")  # keys of meta, the first that there is
_INDEXED = 0.4  # of the work is done when the index is listed


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A document without its text. `readers` () means everybody; `date`: as its meta says it, "" where it does not."""

    id: str
    title: str
    source: str
    readers: tuple[str, ...]
    date: str
    characters: int


@dataclass(frozen=True, slots=True)
class DocumentList:
    """All of it. `version` of the index, 0: nothing is indexed; `read`: documents that the sources hold now, None where that
    was not looked at, and `why`."""

    lines: tuple[DocumentLine, ...] = ()
    version: int = 0
    passages: int = 0
    read: int | None = None
    why: str = ""
    problems: tuple[Problem, ...] = ()
    dropped: tuple[Dropped, ...] = ()


@cache
def _lists() -> Background[DocumentList]:
    return Background(2)


def document_list(project: Project) -> DocumentList | Underway:
    """The list, or how far it is. What was read before is not read again; nothing is written.

    Raises:
        UserError: the index cannot be read.
    """
    return _lists().get(str(project.root), _stamp(project), lambda tell: _listed(project, tell))


def _stamp(project: Project) -> Hashable:
    snapshot = snapshot_of(project)
    sources = project.settings.knowledge.sources
    seen: Hashable = listing(project.root, sources, but=PAGE) if sources and not _on_the_web(project) else ""
    return (snapshot and snapshot.version, seen if seen is not None else int(time.time() // 60), tuple(sources))


def _on_the_web(project: Project) -> bool:
    return any(pattern.startswith(WEB) for pattern in project.settings.knowledge.sources)


def _listed(project: Project, tell: Callable[[float], None]) -> DocumentList:
    snapshot = snapshot_of(project)
    lines: list[DocumentLine] = []
    if snapshot is not None:
        ids = sorted(snapshot.groups)
        for start in range(0, len(ids), _TOGETHER):
            lines += [_line(document) for document in snapshot.documents(ids[start : start + _TOGETHER])]
            tell(_INDEXED * start / len(ids))
    version, passages = (snapshot.version, snapshot.passage_count) if snapshot else (0, 0)
    if not project.settings.knowledge.sources:
        return DocumentList(why="rung.yaml names no documents (knowledge.sources)")
    if _on_the_web(project):
        why = "Sources on the web are not fetched for this page: 'rung check' says what could not be read."
        return DocumentList(tuple(lines), version, passages, why=why)
    sources, why = Sources(project, remember=False, may_be_empty=True), ""
    try:
        for number, _ in enumerate(sources):
            tell(_INDEXED + (1 - _INDEXED) * number / max(len(lines), number + 1))
    except UserError as error:
        why = str(error)
    read = None if why else sources.count
    return DocumentList(tuple(lines), version, passages, read, why, tuple(sources.problems), tuple(sources.dropped))


def _line(document: Document) -> DocumentLine:
    date = date_of(document.meta)
    readers = tuple(sorted(document.groups))
    return DocumentLine(document.id, document.title, document.source, readers, date, len(document.text))


def date_of(meta: Mapping[str, Json]) -> str:
    """The date that a document's meta states; "" where it states none."""
    return next((str(meta[key]) for key in _DATES if isinstance(meta.get(key), (str, int)) and meta[key] != ""), "")
