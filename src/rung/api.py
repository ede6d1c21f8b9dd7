"""Rung from Python: what `rung.open(folder)` returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from rung.config.project import Project
from rung.progress import Lines, Reporter
from rung.records import Answer, Asker, Budget, Json, Passage, canonical

if TYPE_CHECKING:
    from rung.commands.kept_verdict import KeptVerdict
    from rung.commands.measured import ComparisonPlan, MeasuredVerdict

Progress = Callable[[str], object] | Reporter


def _reporter(progress: Progress | None) -> Reporter | None:
    if progress is None:
        return None
    return progress if isinstance(progress, Reporter) else Lines(progress)


@dataclass(frozen=True, slots=True)
class OpenProject:
    """A project whose rungs can be weighed and asked."""

    project: Project

    @overload
    def compare(
        self,
        *,
        limit: int | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
        search: int | None = None,
        baseline: str | int | KeptVerdict | None = None,
        dry_run: Literal[False] = False,
        progress: Progress | None = None,
    ) -> MeasuredVerdict: ...

    @overload
    def compare(
        self,
        *,
        limit: int | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
        search: int | None = None,
        baseline: str | int | KeptVerdict | None = None,
        dry_run: Literal[True],
        progress: Progress | None = None,
    ) -> ComparisonPlan: ...

    def compare(
        self,
        *,
        limit: int | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
        search: int | None = None,
        baseline: str | int | KeptVerdict | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> MeasuredVerdict | ComparisonPlan:
        """Weigh every rung that the project allows, and write `report.html`; what `rung compare` does.

        Args:
            limit: a trial run, by so many cases at most; it replaces no verdict.
            seed: of everything that is drawn.
            budget: what it may spend, and whether it answers and times more than it needs.
            search: search the lists of settings on the dev cases, by so many combinations.
            baseline: an earlier verdict (itself, number, digest, path); `changes` of the verdict say what is other now.
            dry_run: only say what it would do, and take at most.
            progress: gets lines of text that say how far it is, as `print` does; or a `rung.progress.Reporter`.

        Raises:
            UserError: something that is yours to fix; says what.
        """
        from rung.commands.compare_arguments import compare_request, whole_number
        from rung.commands.measured import ComparisonPlan, measured
        from rung.commands.survey import survey
        from rung.config.schema import MAX_SEED
        from rung.loop import compare
        from rung.pipeline.publishing import LATEST, record
        from rung.report.changes import changes

        limit, seed = whole_number("limit", limit, least=1), whole_number("seed", seed, least=0, most=MAX_SEED)
        allowed = compare_request(budget, search)
        earlier = None if baseline is None else record(self.project, _name_of(baseline))
        if dry_run:
            return ComparisonPlan(survey(self.project.seeded(seed), limit=limit, allowed=allowed))
        done = compare(self.project, limit=limit, seed=seed, allowed=allowed, reporter=_reporter(progress))
        if earlier is None:
            return measured(done, self.project)
        this = done.published.folder.name if done.verdict.coverage.trial else LATEST
        return measured(done, self.project, changes(earlier, record(self.project, this)))

    def without(self, model: str) -> OpenProject:
        """The project as if one of its `models` were gone; what it compares is a trial run.

        Raises:
            UserError: it names none so, or nothing is left without it.
        """
        return OpenProject(self.project.without(model))

    def verdicts(self) -> list[dict[str, Json]]:
        """Every verdict that is kept, the first one first: `number`, `verdict` (its digest), `created`, `trial`."""
        from rung.pipeline.publishing import read_list

        lines = read_list(self.project)
        return [
            {"number": line.number, "verdict": line.verdict, "created": line.created, "trial": line.trial} for line in lines
        ]

    def verdict(self, name: str | int = "latest") -> KeptVerdict:
        """A verdict that was published, with its answers: by its number, digest or path; trial runs by these alone.

        Raises:
            UserError: there is no such verdict.
        """
        from rung.commands.kept_verdict import KeptVerdict
        from rung.pipeline.publishing import latest, published

        chosen = latest(self.project) if name == "latest" else published(self.project, str(name))
        return KeptVerdict(chosen, self.project)

    def rescore(self, verdict: str | int = "latest", *, progress: Progress | None = None) -> MeasuredVerdict:
        """A new verdict from the stored answers of an earlier one (its number, digest or path), by today's cases and bar.

        Raises:
            UserError: no such verdict, it has no stored answers, or none of them counts any more.
        """
        from rung.commands.measured import measured
        from rung.loop import rescore

        return measured(rescore(self.project, str(verdict), reporter=_reporter(progress)), self.project)

    def ask(
        self,
        question: str,
        *,
        rung: str | None = None,
        model: str = "",
        groups: frozenset[str] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """One rung's answer, live; by default the last verdict's winner's. `groups` None reads every document.

        Args:
            question: what is asked.
            rung: who answers.
            model: what `rung.yaml` calls the one that is to answer; "" is the rung's own.
            groups: those of the asker.
            on_text: gets the text while it grows, where the rung shows it.

        Raises:
            UserError: no such rung, no verdict yet, or the answer failed.
        """
        from rung.errors import UserError
        from rung.loop import ask

        live, candidate = ask(self.project, question, rung=rung, model=model, asker=Asker(groups), on_text=on_text)
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


def _name_of(verdict: str | int | KeptVerdict) -> str:
    """By which an earlier verdict is looked up."""
    return str(verdict) if isinstance(verdict, (str, int)) else verdict.published.folder.name
