"""The documents of the project's sources, and who may read them, one by one; what was left out is gathered beside.

How files are read is left to `knowledge`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.errors import UserError
from rung.records import Document, Dropped, Problem

if TYPE_CHECKING:
    from rung.knowledge.loading import Access

NO_SOURCES = "the project names no documents; add a line such as 'knowledge: {sources: [docs/**/*.md]}'"
REMEMBERED = "reading.db"  # in the project's state: what was read, so that only what changed is read again
MARKED = "groups_function"  # in the project's state: the index holds groups that a function gave


def left_out(dropped: Iterable[Dropped]) -> list[str]:
    """What rules left out of the documents, a line for each file."""
    files: dict[str, list[str]] = {}
    for part in dropped:
        files.setdefault(part.path, []).append(f"{part.what} ({part.count:,})")
    return [f"{path}: left out: {', '.join(parts)}" for path, parts in files.items()]


@dataclass
class Sources:
    """The documents of a project. `problems`, `dropped` and `count` grow while they pass.

    `remember` False writes nothing: what was read before is used, what is read is not kept. `may_be_empty`: no document at
    all is no error.
    """

    project: Project
    remember: bool = True
    may_be_empty: bool = False
    problems: list[Problem] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    count: int = 0

    def __iter__(self) -> Iterator[Document]:
        """Each document once.

        Raises:
            InputError: no document could be read.
            UserError: the index was made with a groups function, and none is given now.
        """
        from rung.knowledge.loading import Memory, stream_sources
        from rung.knowledge.masking import Masking

        project = self.project
        settings = project.settings.knowledge
        self.problems.clear()
        self.dropped.clear()
        self.count = 0
        self._hold_to_function()
        access = self.access()
        with Memory(project.state / REMEMBERED, writable=self.remember) as memory:
            read = stream_sources(
                project.root,
                settings.sources,
                access=access,
                memory=memory,
                outside_links=settings.outside_links,
                masking=Masking(project.settings.detector) if settings.personal_data == "mask" else None,
            )
            for item in read:
                if isinstance(item, Problem):
                    self.problems.append(item)
                elif isinstance(item, Dropped):
                    self.dropped.append(item)
                else:
                    self.count += 1
                    yield item
        if not self.count and not self.may_be_empty:
            listed = "".join(f"\n  {p}" for p in self.problems[:10])
            named = ", ".join(settings.sources)
            message = f"no document could be read from {named}{listed}" if named else NO_SOURCES
            raise project.error(message, "knowledge", "sources")

    def access(self) -> Access:
        """What narrows the groups of documents besides what they say themselves."""
        from rung.knowledge.loading import Access, Rule

        rules = []
        for number, entry in enumerate(self.project.settings.knowledge.access):
            path = entry.path.replace("\\", "/")
            if Path(path).is_absolute():
                path = Path(os.path.relpath(path, self.project.root)).as_posix()
            rules.append(Rule(path, entry.groups, self.project.line("knowledge", "access", number)))
        return Access(rules, self.project.groups_of)

    def _hold_to_function(self) -> None:
        """Groups that a function gave must not vanish because another command does not know of it."""
        marker = self.project.state / MARKED
        if self.project.groups_of is None:
            if marker.exists():
                raise UserError(
                    "the index holds groups that a Python function gave, and this command does not have it: use"
                    f" rung.open(folder, groups_of=…) from Python, or remove {marker} to go on without those groups"
                )
        elif self.remember:
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
