"""Rung from Python: what `rung.open(folder)` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.records import Answer, Asker, Json, Passage, Verdict, canonical

if TYPE_CHECKING:
    from rung.commands.kept_verdict import KeptVerdict


@dataclass(frozen=True, slots=True)
class OpenProject:
    """A project whose rungs can be weighed and asked."""

    project: Project

    def compare(
        self,
        *,
        limit: int | None = None,
        seed: int | None = None,
        exhaustive: bool = False,
        usd: float | None = None,
        minutes: float | None = None,
        trials: int | None = None,
    ) -> Verdict:
        """Weigh every rung that the project allows, and write `report.html`; `verdict()` has its answers.

        Args:
            limit: a trial run, by so many cases at most; it replaces no verdict.
            seed: of everything that is drawn.
            exhaustive: every rung answers every case.
            usd: stop with a partial verdict before more is spent, training included.
            minutes: the same of time.
            trials: search the lists of settings on the dev cases, by so many combinations.

        Raises:
            UserError: something that is yours to fix; says what.
        """
        from rung.loop import compare
        from rung.pipeline.budget import CompareRequest

        allowed = CompareRequest(exhaustive=exhaustive, usd=usd, minutes=minutes, trials=trials)
        return compare(self.project, limit=limit, seed=seed, allowed=allowed).verdict

    def verdict(self, name: str | int = "latest") -> KeptVerdict:
        """A verdict that was published, with its answers: by its number, digest or path; trial runs by these alone.

        Raises:
            UserError: there is no such verdict.
        """
        from rung.commands.kept_verdict import KeptVerdict
        from rung.pipeline.publishing import latest, published

        chosen = latest(self.project) if name == "latest" else published(self.project, str(name))
        return KeptVerdict(chosen, self.project)

    def rescore(self, verdict: str = "latest") -> Verdict:
        """A new verdict from the stored answers of an earlier one (its number, digest or path), by today's cases and bar.

        Raises:
            UserError: no such verdict, it has no stored answers, or none of them counts any more.
        """
        from rung.loop import rescore

        return rescore(self.project, verdict).verdict

    def ask(self, question: str, *, rung: str | None = None, groups: frozenset[str] | None = None) -> Answer:
        """One rung's answer, live; by default the last verdict's winner's. `groups` None reads every document.

        Raises:
            UserError: no such rung, no verdict yet, or the answer failed.
        """
        from rung.errors import UserError
        from rung.loop import ask

        live, candidate = ask(self.project, question, rung=rung, asker=Asker(groups))
        if live.value is None:
            raise UserError(f"{candidate.label} failed: {live.failure.error if live.failure else 'no answer'}")
        return live.value

    def search(
        self,
        query: str,
        *,
        top: int = 5,
        groups: frozenset[str] | None = None,
        where: Mapping[str, Json] | None = None,
        rerank: bool = False,
    ) -> tuple[Passage, ...]:
        """Passages for a query, best first, from an index brought up to date. `groups` None reads every document.

        Args:
            query: the words to look for.
            top: passages at most.
            groups: those of the asker; the filter is part of the search.
            where: condition on the documents' meta, such as `{"year": {"gte": 2024}, "kind": "manual"}`.
            rerank: put them in order by the project's reranker.

        Raises:
            UserError: the project names no documents, or no reranker; `where` is no condition.
        """
        from rung.commands.search import SearchRequest
        from rung.loop import search

        condition = canonical(where) if where else ""
        return search(self.project, query, request=SearchRequest(top, Asker(groups), condition, rerank=rerank))

    def rollback(self, version: int) -> None:
        """Go back to a version of the index, under today's access; it is searched until a sync is asked for.

        Raises:
            UserError: there is no such version.
        """
        from rung.pipeline.todays_access import go_back

        go_back(self.project, version)
