"""Documents for a viewer, out of the index as it is: nothing is read, embedded or brought up to date for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.records import Document
from rung.runtime.engines import has_index, index_in
from rung.web.viewer import Viewer

if TYPE_CHECKING:
    from rung.knowledge.protocol import Index, Snapshot


def snapshot_of(project: Project) -> Snapshot | None:
    """The newest version of the project's index; None where it names no documents, or none is indexed yet.

    Raises:
        UserError: the index cannot be read.
    """
    return _index(project.state, project.settings.knowledge.store).snapshot() if has_index(project) else None


def groups_of(project: Project) -> Mapping[str, tuple[str, ...]]:
    """Who may read each document that is indexed, by its id; () is everybody.

    Raises:
        UserError: the index cannot be read.
    """
    snapshot = snapshot_of(project)
    return {} if snapshot is None else snapshot.groups


def group_names(access: Mapping[str, tuple[str, ...]]) -> list[str]:
    """All groups that documents are for, in order; `access` as of `groups_of`."""
    return sorted({group for groups in access.values() for group in groups})


def may_read_all(viewer: Viewer, documents: Iterable[str], project: Project) -> bool:
    """Whether they may read each of these documents; who is held to groups reads none that is gone.

    Raises:
        UserError: the index cannot be read.
    """
    named = set(documents)
    if viewer.groups is None or not named:
        return True
    access = groups_of(project)
    return all(one in access and viewer.asker.may_read(access[one]) for one in named)


def readable_document(project: Project, viewer: Viewer, id: str) -> Document | None:
    """A document that a viewer may read; None for one that is not there as for one that is not theirs."""
    snapshot = snapshot_of(project)
    if snapshot is None or id not in snapshot.groups or not viewer.asker.may_read(snapshot.groups[id]):
        return None
    return next(iter(snapshot.documents([id])), None)


def readable_texts(project: Project, viewer: Viewer) -> Callable[[str], str | None] | None:
    """What gives the text of a document by its id, None for one that is not there as for one that is not theirs; None where
    nothing is indexed.

    Raises:
        UserError: the index cannot be read.
    """
    if snapshot_of(project) is None:
        return None

    def text_of(id: str) -> str | None:
        document = readable_document(project, viewer, id)
        return None if document is None else document.text

    return text_of


@lru_cache(maxsize=8)
def _index(state: Path, store: str) -> Index:
    return index_in(state, store)
