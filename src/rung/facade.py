"""Rung from Python: what `rung.open(folder)` returns."""

from __future__ import annotations

from dataclasses import dataclass

from rung.project import Project
from rung.records import Answer, Asker, Passage, Verdict


@dataclass(frozen=True, slots=True)
class OpenProject:
    """A project whose rungs can be weighed and asked."""

    project: Project

    def compare(self, *, limit: int | None = None, seed: int | None = None) -> Verdict:
        """Weigh every rung that the project allows, and write `report.html`.

        Raises:
            UserError: something that is yours to fix; says what.
        """
        from rung.loop import compare

        return compare(self.project, limit=limit, seed=seed).verdict

    def ask(self, question: str, *, rung: str | None = None, groups: frozenset[str] | None = None) -> Answer:
        """One rung's answer, live; by default the last verdict's winner's. `groups` None reads every document.

        Raises:
            UserError: no such rung, no verdict yet, or the answer failed.
        """
        from rung.errors import UserError
        from rung.loop import ask

        live, label = ask(self.project, question, rung=rung, asker=Asker(groups))
        if live.value is None:
            raise UserError(f"{label} failed: {live.failure.error if live.failure else 'no answer'}")
        return live.value

    def search(self, query: str, *, top: int = 5, groups: frozenset[str] | None = None) -> tuple[Passage, ...]:
        """Passages for a query, best first, from an index brought up to date. `groups` None reads every document.

        Raises:
            UserError: the project names no documents.
        """
        from rung.loop import search

        return search(self.project, query, top=top, asker=Asker(groups))
