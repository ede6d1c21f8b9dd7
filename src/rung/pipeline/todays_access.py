"""Going back to an older version of the index, under today's access: what files, sidecars, rules and function say now.

What that comes to for a document is left to `knowledge.regrouping`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.pipeline.sources import Sources
from rung.progress import phase
from rung.records import Problem
from rung.runtime.engines import index_of

if TYPE_CHECKING:
    from rung.knowledge.protocol import Change, Index, Snapshot


def go_back(project: Project, number: int) -> tuple[Problem, ...]:
    """Make a version of the index the one that is searched, held until a sync is asked for.

    Returns a problem for each of its documents of which nobody can tell who may read it today.

    Raises:
        UserError: there is no such version, or a groups function is needed and not given.
    """
    index = index_of(project)
    snapshot = index.snapshot(number) if number in {version.number for version in index.versions()} else None
    if snapshot is None:
        index.rollback(number)  # says which there are
    else:
        index.rollback(number, _changes(project, snapshot))
    return _hidden(index)


def hold_to_today(project: Project) -> tuple[Problem, ...]:
    """Bring the version that is held under today's access, where that has changed since; see `go_back`."""
    index = index_of(project)
    snapshot = index.snapshot()
    if snapshot is None or not snapshot.held:
        return ()
    changes = _changes(project, snapshot)
    if (first := next(changes, None)) is not None:
        index.rollback(snapshot.version, chain([first], changes))
    return _hidden(index)


def has_changed(project: Project) -> bool:
    """Whether somebody may read less, or more, of the index as it is than its version says."""
    snapshot = index_of(project).snapshot()
    return snapshot is not None and next(_changes(project, snapshot), None) is not None


def _changes(project: Project, snapshot: Snapshot) -> Iterator[Change]:
    from rung.knowledge.regrouping import Today, regrouped

    sources = Sources(project, may_be_empty=True)
    today = Today(project.root, sources.access())
    with phase("read who may read what") as tick:
        for document in sources:
            today.add(document)
            tick(sources.count, 0, "")
    today.troubled(sources.problems, project.settings.knowledge.sources)
    yield from regrouped(snapshot, today)


def _hidden(index: Index) -> tuple[Problem, ...]:
    from rung.knowledge.regrouping import NOBODY

    snapshot = index.snapshot()
    message = "is in this version, and who may read it today cannot be told: nobody who asks with groups finds it"
    groups = snapshot.groups if snapshot else {}
    return tuple(Problem(id, 0, message) for id, named in groups.items() if named == NOBODY)
